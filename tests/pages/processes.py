"""What a process has started, and what they have used."""

import contextlib
import os
from pathlib import Path


def below(pid: int) -> set[int]:
    """
    All processes that come from this one.

    By what they say of their parent: the lists of children belong to threads, and while one ends its own move
    to another's, which may have been read already.
    """
    children: dict[int, set[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, set()).add(int(stat.parent.name))
    found, looked_at = set[int](), [pid]
    while looked_at:
        more = children.get(looked_at.pop(), set())
        found |= more
        looked_at += more
    return found


def processor_seconds(pid: int) -> float:
    """Of this process, those below it, and those that have ended."""
    ticks = 0
    for each in {pid, *below(pid)}:
        ticks += sum(map(int, Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")

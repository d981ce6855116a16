"""What a process has started, and what they have used."""

import os
from pathlib import Path


def below(pid: int) -> set[int]:
    """All processes that come from this one; each thread of it knows its own children alone."""
    children: set[int] = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children.update(map(int, listed.read_text().split()))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return children.union(*map(below, children))


def processor_seconds(pid: int) -> float:
    """Of this process, those below it, and those that have ended."""
    ticks = 0
    for each in {pid, *below(pid)}:
        ticks += sum(map(int, Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")

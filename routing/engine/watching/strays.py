"""Processes that scripts have left behind: they fall to whoever ran the script, and are ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Collection
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_MOST_ROUNDS = 100
"""A process that starts others as fast as they are ended is left to the operating system's limits."""


def take_in_orphans() -> None:
    """From now on descendants whose parent ends become children of this process, daemons too (prctl 2)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_strays(known: Collection[int] = ()) -> int:
    """
    Kill all children of this process but the known ones, and what falls to it then; how many there were.

    To be called where nobody else waits for children.
    """
    ended = 0
    for _ in range(_MOST_ROUNDS):
        strays = [pid for pid in _children() if pid not in known]
        if not strays:
            break
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in strays:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        ended += len(strays)
    return ended


def _children() -> list[int]:
    found: list[int] = []
    try:
        # One call instead of a look at every thread: most images leave no process behind.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return found
    for task in Path("/proc/self/task").iterdir():
        # A thread that has ended since, or a kernel that does not tell.
        with contextlib.suppress(FileNotFoundError):
            found += [int(pid) for pid in (task / "children").read_text(encoding="ascii").split()]
    return found

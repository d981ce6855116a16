"""Turns at transcoding large images: at once on this machine as many as it has processors, whoever sends them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

LARGE = 16 << 20
"""Bytes of a data set; less needs little memory, and does not wait behind what takes minutes."""
MOST = len(os.sched_getaffinity(0))
_LOOK = 0.2
"""Seconds until somebody who waits looks again."""
pause = time.sleep


class NotNow(Exception):
    """Who waited for a turn shall not go on any more."""


@contextlib.contextmanager
def turn(folder: Path, size: int, may_go_on: Callable[[], bool]) -> Iterator[None]:
    """
    Wait until one of ``size`` bytes may be transcoded; NotNow when ``may_go_on`` says no before that.

    Each process that transcodes has a limit of memory, and there is one for every association of each node: a few
    large images at once took all that the machine has.  The kernel ends the turns of processes that die.
    """
    if size < LARGE:
        yield
        return
    while (held := _take(folder)) is None:
        if not may_go_on():
            raise NotNow
        pause(_LOOK)
    try:
        yield
    finally:
        os.close(held)


def _take(folder: Path) -> int | None:
    """The descriptor that holds a turn; None where all are taken."""
    for number in range(MOST):
        # Several machines may share the folder.
        path = folder / f"transcoding-{socket.gethostname()[:32]}-{number}"
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
        except OSError:
            # A file system without locks: it is as if there were no limit.
            return held
        else:
            return held
    return None

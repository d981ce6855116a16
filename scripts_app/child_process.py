"""What a child process does first that is not to outlive, outgrow or survive its parent, and how it is ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """
    In the child: end when the parent does, even by kill -9: nobody else would ever stop it.

    A change of user takes it back (prctl 2), so that comes first.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)
    # It may have ended before.
    if os.getppid() != parent:
        os._exit(1)


def lower_limits(most: Mapping[int, int]) -> None:
    """In the child: limits (RLIMIT_...) that it cannot raise again; what is lower already stays."""
    for which, wanted in most.items():
        hard = resource.getrlimit(which)[1]
        least = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (least, least))


def end_group(child: int) -> None:
    """In the parent: kill a child that leads a group of its own, with the processes it has started, and reap it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

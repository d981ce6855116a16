"""Whether what is done once at each start of the service is still to be done: known to one worker's processes alone."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping

from routing.processes.sd_notify import STARTED_AGAIN


class ServiceStart:
    """Made before the processes are forked, which share it: one that replaces another finds what that one knew."""

    def __init__(self, *, due: bool = True) -> None:
        self._shared = mmap.mmap(-1, 1)
        self._shared[0] = due

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> ServiceStart:
        """A worker that the supervisor had to start again is no start of the service."""
        return cls(due=STARTED_AGAIN not in environment)

    @property
    def due(self) -> bool:
        return bool(self._shared[0])

    def is_over(self) -> None:
        """It is done, or another process does it."""
        self._shared[0] = 0

"""What a preparing process works on right now, in memory that its watchdog sees, and what became of a killed one."""

from __future__ import annotations

import math
import mmap
import struct
import time
from dataclasses import dataclass

_SLOT = struct.Struct("<Qd")
_NOTHING = _SLOT.pack(0, math.inf)


class Watch:
    """
    Made by the watchdog before it forks; written by the child, read by the parent.

    A deadline is in seconds of the monotonic clock, which both share.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self.end()

    @property
    def owner(self) -> str:
        """Owner of the child's leases; empty while it has none."""
        return self._memory[_SLOT.size :].split(b"\0", 1)[0].decode()

    @owner.setter
    def owner(self, owner: str) -> None:
        self._memory[_SLOT.size : _SLOT.size + len(owner) + 1] = owner.encode() + b"\0"

    def begin(self, item_id: int, seconds: float) -> None:
        """The child is about to run what might never end, over this item."""
        # A reader may see half of these 16 bytes: between two items the deadline is never one that has passed.
        self._memory[: _SLOT.size] = _SLOT.pack(item_id, time.monotonic() + seconds)

    def end(self) -> None:
        """The child came through."""
        self._memory[: _SLOT.size] = _NOTHING

    @property
    def item_id(self) -> int | None:
        """The item in hand, if any."""
        return _SLOT.unpack_from(self._memory)[0] or None

    @property
    def overdue(self) -> bool:
        item_id, deadline = _SLOT.unpack_from(self._memory)
        return bool(item_id) and time.monotonic() > deadline


@dataclass(frozen=True, slots=True)
class Casualty:
    """
    An item in whose preparation a process ended, told to the process that takes its place.

    Without a message nobody knows whether the item is to blame: it was ended
    from outside, and only the count of its preparations speaks against it.
    """

    owner: str
    item_id: int
    message: str

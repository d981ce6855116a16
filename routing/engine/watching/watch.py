"""What a process works on right now, in memory that its watchdog sees, and what became of a killed one."""

from __future__ import annotations

import math
import mmap
import struct
import time
from dataclasses import dataclass

from routing.engine.watching.said import Said

_SLOT = struct.Struct("<Qd")
_NOTHING = _SLOT.pack(0, math.inf)
_TURNED = struct.Struct("<d")
_PLACE = struct.Struct("<II")
_PLACE_AT = _SLOT.size + _TURNED.size
_FILE_AT = _PLACE_AT + _PLACE.size
_OWNER_AT = _FILE_AT + 1


class Watch:
    """
    Made by the watchdog before it forks; written by the child, read by the parent.

    A deadline is in seconds of the monotonic clock, which both share.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self.said = Said()
        self.end()

    @property
    def owner(self) -> str:
        """Owner of the child's leases; empty while it has none."""
        return self._memory[_OWNER_AT:].split(b"\0", 1)[0].decode()

    @owner.setter
    def owner(self, owner: str) -> None:
        self._memory[_OWNER_AT : _OWNER_AT + len(owner) + 1] = owner.encode() + b"\0"

    def turned(self) -> None:
        """The child's loop has come round; so has it where it begins an item."""
        self._memory[_SLOT.size : _PLACE_AT] = _TURNED.pack(time.monotonic())

    def forget_turns(self) -> None:
        """There is no child, or none that can be judged by when it turned."""
        self._memory[_SLOT.size : _PLACE_AT] = bytes(_TURNED.size)

    @property
    def still_for(self) -> float:
        """Seconds since the child's loop came round; 0 for one that never said so."""
        turned_at: float = _TURNED.unpack_from(self._memory, _SLOT.size)[0]
        return time.monotonic() - turned_at if turned_at else 0.0

    def begin(self, item_id: int, seconds: float, *, with_file: bool = False) -> None:
        """
        The child is about to run what might never end, over this item: its scripts, or what is done ``with_file``.

        The latter may come before them or behind, which ``place`` goes on telling.
        """
        now = time.monotonic()
        if not with_file:
            self.said.clear()
        # A reader may see half of these bytes: between two items the deadline is never one that has passed.
        place = self._memory[_PLACE_AT:_FILE_AT] if with_file else _PLACE.pack(0, 0)
        self._memory[:_OWNER_AT] = _SLOT.pack(item_id, now + seconds) + _TURNED.pack(now) + place + bytes([with_file])

    def at(self, entry: int, reported: int) -> None:
        """The child is about to run this entry of the scripts; so many have their report."""
        self._memory[_PLACE_AT:_FILE_AT] = _PLACE.pack(entry, reported)

    @property
    def place(self) -> tuple[int, int]:
        """Number of the entry in hand, 0 outside of any, and how many have their report."""
        entry, reported = _PLACE.unpack_from(self._memory, _PLACE_AT)
        return entry, reported

    @property
    def with_file(self) -> bool:
        """Whether it is a file that takes its time, and no script."""
        return bool(self._memory[_FILE_AT])

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
    place: tuple[int, int] = (0, 0)
    """As ``Watch.place``."""
    said: bytes = b""
    """What its scripts had written, for ``lines_of``."""

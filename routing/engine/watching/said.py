"""What the scripts of an image have written so far, in memory that outlives the process that runs them (D7)."""

from __future__ import annotations

import contextlib
import json
import mmap
import struct

from scripts_app.core.lua.log import line_of, told_line
from scripts_app.core.outcome import LogLine

_LENGTH = struct.Struct("<I")
_SIZE = 2 << 20
"""Bytes: a script's lines at most, as JSON. Pages that are never written take no memory."""
# Made once: this is done for each line that any script writes.
_encode = json.JSONEncoder().encode


class Said:
    """Made before a fork; written by the child, read by whoever comes after it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self._end = _LENGTH.size

    def clear(self) -> None:
        """Another image's scripts are about to run."""
        self._end = _LENGTH.size
        _LENGTH.pack_into(self._memory, 0, 0)

    def add(self, kind: str, line: LogLine) -> None:
        """As ``OnLine``."""
        told = _encode(told_line(kind, line)).encode() + b"\n"
        begin, end = self._end, self._end + len(told)
        if end > _SIZE:
            return
        self._memory[begin:end] = told
        # Last: a process that is killed before has not said it.
        _LENGTH.pack_into(self._memory, 0, end - _LENGTH.size)
        self._end = end

    def read(self) -> bytes:
        """All lines, for ``lines_of``."""
        (length,) = _LENGTH.unpack_from(self._memory)
        return self._memory[_LENGTH.size : _LENGTH.size + length]


def lines_of(said: bytes) -> list[tuple[str, LogLine]]:
    """Kind and line of each; what is none is left out, for the process that wrote it may have run wild."""
    lines = []
    for told in said.splitlines():
        with contextlib.suppress(ValueError):
            lines.append(line_of(json.loads(told)))
    return lines

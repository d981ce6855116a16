"""An edit recipe: the new data set as byte ranges of the received file and literal bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_RANGE = struct.Struct("<BQQ")
_LITERAL = struct.Struct("<BI")


@dataclass(frozen=True, slots=True)
class Recipe:
    """
    A data set that is mostly the received one.

    Each part is either ``(start, end)``, offsets in the received *file*, or
    literal bytes.  Concatenated in order they are the data set to send: no file
    meta information, no copy of the pixel data.
    """

    parts: tuple[tuple[int, int] | bytes, ...]

    @property
    def length(self) -> int:
        """Bytes of the data set."""
        return sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in self.parts)

    def slices(self, file: memoryview) -> Iterator[memoryview]:
        """The data set in order; nothing is copied."""
        for part in self.parts:
            yield memoryview(part) if isinstance(part, bytes) else file[part[0] : part[1]]

    def dumps(self) -> bytes:
        """The form a queue row keeps; its size is that of the edits."""
        out = bytearray()
        for part in self.parts:
            if isinstance(part, bytes):
                out += _LITERAL.pack(1, len(part)) + part
            else:
                out += _RANGE.pack(0, *part)
        return bytes(out)

    @classmethod
    def loads(cls, stored: bytes | memoryview) -> Recipe:
        """Read what dumps() wrote; ValueError when it is something else."""
        data = bytes(stored)
        parts: list[tuple[int, int] | bytes] = []
        at = 0
        try:
            while at < len(data):
                if data[at] == 0:
                    _, start, end = _RANGE.unpack_from(data, at)
                    parts.append((start, end))
                    at += _RANGE.size
                elif data[at] == 1:
                    _, length = _LITERAL.unpack_from(data, at)
                    at += _LITERAL.size
                    if at + length > len(data):
                        raise ValueError("recipe is cut short")
                    parts.append(data[at : at + length])
                    at += length
                else:
                    raise ValueError(f"unknown part kind {data[at]} at byte {at} of a recipe")
        except struct.error as error:
            raise ValueError("recipe is cut short") from error
        return cls(tuple(parts))


def joined(parts: Sequence[tuple[int, int] | bytes]) -> Recipe:
    """A recipe with neighbouring ranges and literals melted together."""
    out: list[tuple[int, int] | bytes] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, bytes):
            if not part:
                continue
            if isinstance(last, bytes):
                out[-1] = last + part
                continue
        else:
            if part[0] == part[1]:
                continue
            if isinstance(last, tuple) and last[1] == part[0]:
                out[-1] = (last[0], part[1])
                continue
        out.append(part)
    return Recipe(tuple(out))

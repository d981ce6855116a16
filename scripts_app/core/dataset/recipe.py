"""An edit recipe: the new data set as byte ranges of the received file and literal bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import cast

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
    said = [part for part in parts if (part if isinstance(part, bytes) else part[0] != part[1])]
    for literal, neighbours in groupby(said, lambda part: isinstance(part, bytes)):
        if literal:
            # At once: thousands of new items, one after the other, would be copied for each of them.
            out.append(b"".join(cast(Iterable[bytes], neighbours)))
            continue
        for start, end in cast(Iterable[tuple[int, int]], neighbours):
            last = out[-1] if out else None
            if isinstance(last, tuple) and last[1] == start:
                out[-1] = (last[0], end)
            else:
                out.append((start, end))
    return Recipe(tuple(out))

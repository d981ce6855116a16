"""Where each element of a data set stands in the bytes; values are not read, pixels not touched."""

from __future__ import annotations

import struct
from mmap import mmap
from typing import NamedTuple

from scripts_app.core.dataset.dictionary import written
from scripts_app.core.dataset.encoding import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    Encoding,
)
from scripts_app.core.dataset.errors import ElementTwice, NestedTooDeep, NotIndexable

Buffer = bytes | memoryview | mmap

Raw = tuple[bytes, int, int, int, int]
"""
VR (empty in implicit VR), then offsets: element, value, end of value, end of element.

The last two differ by the delimiter exactly when the length is undefined.
"""

Index = dict[int, Raw]
DEEPEST = 64


class RawItem(NamedTuple):
    """One sequence item; as in Raw, ``stop`` and ``end`` differ when its length is undefined."""

    header: int
    start: int
    stop: int
    end: int


def scan(
    buffer: Buffer,
    at: int,
    end: int,
    encoding: Encoding,
    *,
    delimited: bool = False,
    ordered: bool = True,
    depth: int = 0,
    last_tag: int = 0xFFFFFFFF,
    index: Index | None = None,
) -> tuple[Index, int]:
    """
    Index the elements from ``at`` to ``end``, or to the item delimiter when ``delimited``.

    Answers the index, in the order of the bytes, and where the elements end.
    Elements behind ``last_tag`` are not looked at.  An ``index`` to fill holds
    what was read even when the rest makes no sense.
    NotIndexable when the bytes make no sense, or when ``ordered`` is asked for
    and an element stands behind a greater tag; ElementTwice when one appears again.
    """
    if depth > DEEPEST:
        raise NestedTooDeep(f"sequences are nested deeper than {DEEPEST} levels")
    found: Index = {} if index is None else index
    try:
        if encoding.explicit:
            end = _scan_explicit(buffer, at, end, encoding, delimited, ordered, depth, last_tag, found)
        else:
            end = _scan_implicit(buffer, at, end, encoding, delimited, ordered, depth, last_tag, found)
    except struct.error:
        raise NotIndexable("the file ends inside an element") from None
    return found, end


def _scan_explicit(
    buffer: Buffer,
    at: int,
    end: int,
    encoding: Encoding,
    delimited: bool,
    ordered: bool,
    depth: int,
    last_tag: int,
    index: Index,
) -> int:
    # What is asked of order, repetition and length stands in _scan_implicit once more, on purpose: each element of each
    # image comes by here, and what is written out costs no call for it.  Whoever changes one changes the other.
    unpack = encoding.short.unpack_from
    unpack_length = encoding.length.unpack_from
    last = -1
    while at < end:
        group, number, vr, length = unpack(buffer, at)
        tag = group << 16 | number
        if tag > last:
            if tag > last_tag:
                return at
            last = tag
        elif tag in index:
            raise ElementTwice(f"{written(tag)} stands there twice, at byte {at} again")
        elif ordered:
            raise NotIndexable(f"{written(tag)} at byte {at} follows {written(last)}: not in order")
        if vr in SHORT_VRS:
            value = at + 8
        elif vr in LONG_VRS:
            (length,) = unpack_length(buffer, at + 8)
            value = at + 12
        elif delimited and tag == ITEM_DELIMITER:
            return at
        else:
            raise NotIndexable(f"{written(tag)} at byte {at} has no known VR ({bytes(vr)!r})")
        stop = value + length
        if length == UNDEFINED_LENGTH and vr in LONG_VRS:
            stop, behind = _skip_undefined(buffer, value, end, vr, encoding, depth)
            index[tag] = (vr, at, value, stop, behind)
            at = behind
            continue
        if stop > end:
            raise NotIndexable(f"{written(tag)} at byte {at} claims {length} bytes, {end - value} are left")
        index[tag] = (vr, at, value, stop, stop)
        at = stop
    if delimited or at > end:
        raise NotIndexable("a sequence item has no end")
    return at


def _scan_implicit(
    buffer: Buffer,
    at: int,
    end: int,
    encoding: Encoding,
    delimited: bool,
    ordered: bool,
    depth: int,
    last_tag: int,
    index: Index,
) -> int:
    # Written out as in _scan_explicit, where the reason stands.
    unpack = encoding.long.unpack_from
    last = -1
    while at < end:
        group, number, length = unpack(buffer, at)
        tag = group << 16 | number
        if group == 0xFFFE:
            if delimited and tag == ITEM_DELIMITER:
                return at
            raise NotIndexable(f"{written(tag)} at byte {at} stands outside of a sequence")
        if tag > last:
            if tag > last_tag:
                return at
            last = tag
        elif tag in index:
            raise ElementTwice(f"{written(tag)} stands there twice, at byte {at} again")
        elif ordered:
            raise NotIndexable(f"{written(tag)} at byte {at} follows {written(last)}: not in order")
        value = at + 8
        stop = value + length
        if length == UNDEFINED_LENGTH:
            stop, behind = _skip_items(buffer, value, end, encoding, depth)
            index[tag] = (b"", at, value, stop, behind)
            at = behind
            continue
        if stop > end:
            raise NotIndexable(f"{written(tag)} at byte {at} claims {length} bytes, {end - value} are left")
        index[tag] = (b"", at, value, stop, stop)
        at = stop
    if delimited or at > end:
        raise NotIndexable("a sequence item has no end")
    return at


def _skip_undefined(buffer: Buffer, at: int, end: int, vr: bytes, encoding: Encoding, depth: int) -> tuple[int, int]:
    """End of a value of undefined length, before and behind its delimiter."""
    if vr == b"SQ":
        return _skip_items(buffer, at, end, encoding, depth)
    if vr == b"UN":
        # Implicit VR little endian inside, whatever the transfer syntax (PS3.5 6.2.2).
        return _skip_items(buffer, at, end, IMPLICIT_LITTLE, depth)
    return _skip_fragments(buffer, at, end, encoding)


def _skip_items(buffer: Buffer, at: int, end: int, encoding: Encoding, depth: int) -> tuple[int, int]:
    _, stop = raw_items(buffer, at, end, encoding, delimited=True, depth=depth + 1)
    return stop, stop + 8


def _skip_fragments(buffer: Buffer, at: int, end: int, encoding: Encoding) -> tuple[int, int]:
    """Encapsulated pixel data (PS3.5 A.4): only the fragments' headers are read."""
    unpack = encoding.long.unpack_from
    while at < end:
        group, number, length = unpack(buffer, at)
        tag = group << 16 | number
        if tag == SEQUENCE_DELIMITER:
            return at, at + 8
        if tag != ITEM or length == UNDEFINED_LENGTH:
            raise NotIndexable(f"{written(tag)} at byte {at} stands among the fragments of pixel data")
        at += 8 + length
    raise NotIndexable("encapsulated pixel data has no end")


def raw_items(
    buffer: Buffer, at: int, end: int, encoding: Encoding, *, delimited: bool, depth: int
) -> tuple[list[RawItem], int]:
    """The items of a sequence value, and where they end."""
    unpack = encoding.long.unpack_from
    items: list[RawItem] = []
    while at < end:
        try:
            group, number, length = unpack(buffer, at)
        except struct.error:
            raise NotIndexable("the file ends inside a sequence") from None
        tag = group << 16 | number
        start = at + 8
        if tag == SEQUENCE_DELIMITER and delimited:
            return items, at
        if tag != ITEM:
            raise NotIndexable(f"{written(tag)} at byte {at} stands where a sequence item should")
        if length == UNDEFINED_LENGTH:
            _, stop = scan(buffer, start, end, encoding, delimited=True, ordered=False, depth=depth)
            items.append(RawItem(at, start, stop, stop + 8))
            at = stop + 8
        else:
            stop = start + length
            if stop > end:
                raise NotIndexable(f"an item at byte {at} claims {length} bytes, {end - start} are left")
            items.append(RawItem(at, start, stop, stop))
            at = stop
    if delimited or at > end:
        raise NotIndexable("a sequence has no end")
    return items, at

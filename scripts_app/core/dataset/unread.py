"""What stands in the bytes of a data set and not in what pydicom made of them, which passes over what it can't read."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from pydicom import Dataset
from pydicom.dataelem import RawDataElement

from scripts_app.core.dataset.dictionary import written
from scripts_app.core.dataset.encoding import IMPLICIT_LITTLE, ITEM_DELIMITER, SEQUENCE_DELIMITER, Encoding
from scripts_app.core.dataset.errors import NotIndexable
from scripts_app.core.dataset.index import Buffer, Index, raw_items, scan

_MAY_BE_SEQUENCES = (None, "SQ", "UN")
"""VRs of elements that are still raw: in implicit VR only the dictionary knows, and it knows better than UN."""


def refuse_unread(
    dataset: Dataset, content: Buffer, at: int, end: int, encodings: Sequence[Encoding], depth: int = 0
) -> None:
    """
    NotIndexable when the bytes from ``at`` to ``end`` hold an element or an item that ``dataset`` lacks.

    The first of ``encodings`` in which they make sense is theirs.  Sequences are looked into level by level, which
    reads them in ``dataset``; values are not compared.
    """
    index, encoding = _scanned(content, at, end, encodings, depth)
    for tag, (vr, start, value, stop, _) in index.items():
        if tag not in dataset:
            raise NotIndexable(f"{written(tag)} at byte {start} cannot be read")
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            if element.VR not in _MAY_BE_SEQUENCES:
                continue
            element = dataset[tag]
        if element.VR != "SQ":
            continue
        # Implicit VR little endian inside of UN, whatever the transfer syntax (PS3.5 6.2.2).
        inner = IMPLICIT_LITTLE if vr == b"UN" else encoding
        stop = _before(SEQUENCE_DELIMITER, content, value, stop, inner)
        items, _ = raw_items(content, value, stop, inner, delimited=False, depth=depth + 1)
        if len(items) != len(element.value):
            raise NotIndexable(
                f"{written(tag)} at byte {start} has {len(items)} items, {len(element.value)} can be read"
            )
        # Some writers change to the other VR encoding inside.
        either = inner, Encoding(not inner.explicit, inner.order)
        for item, read in zip(items, element.value, strict=True):
            stop = _before(ITEM_DELIMITER, content, item.start, item.stop, inner)
            refuse_unread(read, content, item.start, stop, either, depth + 1)


def _scanned(content: Buffer, at: int, end: int, encodings: Sequence[Encoding], depth: int) -> tuple[Index, Encoding]:
    *others, last = encodings
    for encoding in others:
        with contextlib.suppress(NotIndexable):
            return scan(content, at, end, encoding, ordered=False, depth=depth)[0], encoding
    return scan(content, at, end, last, ordered=False, depth=depth)[0], last


def _before(delimiter: int, content: Buffer, at: int, end: int, encoding: Encoding) -> int:
    """Where the content ends: some writers put a delimiter, which says nothing, also where the length is told."""
    there = end - 8 >= at and content[end - 8 : end] == encoding.long.pack(delimiter >> 16, delimiter & 0xFFFF, 0)
    return end - 8 if there else end


def _encoding_of(item: Dataset, outer: Encoding) -> Encoding:
    """Some writers change to the other VR encoding in their sequences; pydicom finds out, and knows."""
    implicit, little = item.original_encoding
    return outer if implicit is None else Encoding(not implicit, "<" if little else ">")

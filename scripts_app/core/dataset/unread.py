"""What stands in the bytes of a data set and not in what pydicom made of them, which passes over what it can't read."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.dataelem import RawDataElement

from scripts_app.core.dataset.dictionary import written
from scripts_app.core.dataset.encoding import IMPLICIT_LITTLE, ITEM_DELIMITER, SEQUENCE_DELIMITER, Encoding
from scripts_app.core.dataset.errors import NotIndexable
from scripts_app.core.dataset.index import Buffer, Index, RawItem, raw_items, scan

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
        items = _items(content, value, stop, inner, depth + 1)
        if len(items) != len(element.value):
            raise NotIndexable(
                f"{written(tag)} at byte {start} has {len(items)} items, {len(element.value)} can be read"
            )
        # Some writers change to the other VR encoding inside.
        either = inner, Encoding(not inner.explicit, inner.order)
        for item, read in zip(items, element.value, strict=True):
            refuse_unread(read, content, item.start, item.stop, either, depth + 1)


def _scanned(content: Buffer, at: int, end: int, encodings: Sequence[Encoding], depth: int) -> tuple[Index, Encoding]:
    reasons = []
    for encoding in encodings:
        for stop in _ends(ITEM_DELIMITER, content, at, end, encoding):
            try:
                return scan(content, at, stop, encoding, ordered=False, depth=depth)[0], encoding
            except NotIndexable as reason:
                reasons.append(reason)
    raise reasons[0]


def _items(content: Buffer, at: int, end: int, encoding: Encoding, depth: int) -> list[RawItem]:
    whole, *shorter = _ends(SEQUENCE_DELIMITER, content, at, end, encoding)
    try:
        return raw_items(content, at, whole, encoding, delimited=False, depth=depth)[0]
    except NotIndexable:
        if not shorter:
            raise
        return raw_items(content, at, shorter[0], encoding, delimited=False, depth=depth)[0]


def _ends(delimiter: int, content: Buffer, at: int, end: int, encoding: Encoding) -> list[int]:
    """
    Where the content may end: some writers put a delimiter, which says nothing, also where the length is told.

    What stands there may as well be the delimiter of something inside.
    """
    there = end - 8 >= at and content[end - 8 : end] == encoding.long.pack(delimiter >> 16, delimiter & 0xFFFF, 0)
    return [end, end - 8] if there else [end]

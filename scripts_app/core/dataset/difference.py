"""How two files differ, element by element in the order of the data set, into sequences and private blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import blake2b
from itertools import islice

from scripts_app.core.dataset.dictionary import keyword_of, written
from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.edits import shown_at
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.dataset.vr import private_creator, vr_here

MOST = 2000
"""Rows that are told of one file."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class ElementDifference:
    """One element, or one item of a sequence."""

    kind: str
    """added, changed or removed."""
    path: str
    """As scripts write it; of what is removed, where it stood."""
    keyword: str
    creator: str
    """Whose private block it stands in; empty for standard elements."""
    vr: str
    """``US -> SS`` when it changed; empty for items."""
    old: str | None
    """None: absent."""
    new: str | None


def differing(before: Document, after: Document) -> tuple[list[ElementDifference], bool]:
    """At most MOST rows, and whether there are more.  Neither document may have edits laid over it."""
    rows = list(islice(_datasets(before.dataset, after.dataset, ""), MOST + 1))
    return rows[:MOST], len(rows) > MOST


def _datasets(before: Dataset, after: Dataset, path: str) -> Iterator[ElementDifference]:
    for tag in sorted({*before.tags(), *after.tags()}):
        if tag not in after:
            yield from _one_sided("removed", before, tag, path)
        elif tag not in before:
            yield from _one_sided("added", after, tag, path)
        elif not _equal(before, after, tag):
            yield from _changed(before, after, tag, path)


def _changed(before: Dataset, after: Dataset, tag: int, path: str) -> Iterator[ElementDifference]:
    old, new = _items(before, tag), _items(after, tag)
    place = path + written(tag)
    if old is None or new is None:
        was, vr = vr_here(before, tag).decode("latin-1"), vr_here(after, tag).decode("latin-1")
        shown = vr if was == vr else f"{was} -> {vr}"
        values = shown_at(before, tag), shown_at(after, tag)
        yield ElementDifference("changed", place, keyword_of(tag), private_creator(after, tag), shown, *values)
        return
    for operation, old_from, old_to, new_from, new_to in _matched(old, new):
        pairs = min(old_to - old_from, new_to - new_from) if operation == "replace" else 0
        for at in range(pairs):
            yield from _datasets(old[old_from + at], new[new_from + at], f"{place}[{new_from + at + 1}].")
        for number in range(old_from + pairs, old_to):
            yield from _item("removed", old[number], f"{place}[{number + 1}]")
        for number in range(new_from + pairs, new_to):
            yield from _item("added", new[number], f"{place}[{number + 1}]")


def _matched(old: list[Dataset], new: list[Dataset]) -> list[tuple[str, int, int, int, int]]:
    """Which items became which: those of equal bytes stay the same ones."""
    if len(old) == len(new):
        return [
            ("replace", at, at + 1, at, at + 1) for at in range(len(old)) if _bytes_of(old[at]) != _bytes_of(new[at])
        ]
    matcher = SequenceMatcher(None, [_bytes_of(each) for each in old], [_bytes_of(each) for each in new], False)
    return [found for found in matcher.get_opcodes() if found[0] != "equal"]


def _one_sided(kind: str, dataset: Dataset, tag: int, path: str) -> Iterator[ElementDifference]:
    value, place = shown_at(dataset, tag), path + written(tag)
    sides = (None, value) if kind == "added" else (value, None)
    vr = vr_here(dataset, tag).decode("latin-1")
    yield ElementDifference(kind, place, keyword_of(tag), private_creator(dataset, tag), vr, *sides)
    for number, item in enumerate(_items(dataset, tag) or (), start=1):
        for inner in item.tags():
            yield from _one_sided(kind, item, inner, f"{place}[{number}].")


def _item(kind: str, item: Dataset, place: str) -> Iterator[ElementDifference]:
    told = f"<item with {len(item.tags())} elements>"
    yield ElementDifference(kind, place, "", "", "", *((None, told) if kind == "added" else (told, None)))
    for tag in item.tags():
        yield from _one_sided(kind, item, tag, f"{place}.")


def _items(dataset: Dataset, tag: int) -> list[Dataset] | None:
    """None for what is no sequence, or none that can be read."""
    if vr_here(dataset, tag) != b"SQ":
        return None
    try:
        sequence = dataset.sequence(tag)
    except DatasetError:
        return None
    return sequence.items if sequence else None


def _equal(before: Dataset, after: Dataset, tag: int) -> bool:
    """Bytes of value and VR; the length may be written in another way."""
    old, new = before.index[tag], after.index[tag]
    if old[0] != new[0] or old[3] - old[2] != new[3] - new[2]:
        return False
    return all(
        before.buffer[old[2] + at : min(old[2] + at + _PIECE, old[3])]
        == after.buffer[new[2] + at : min(new[2] + at + _PIECE, new[3])]
        for at in range(0, old[3] - old[2], _PIECE)
    )


def _bytes_of(item: Dataset) -> bytes:
    """What stands for the item's bytes when items are compared."""
    return blake2b(item.buffer[item.start : item.end], digest_size=16).digest()

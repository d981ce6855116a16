"""How a data set with edits is written: ranges of the file that it came in, and literals between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from scripts_app.core.dataset.journal import Literal
from scripts_app.core.dataset.overlay import Dataset, Sequence

Part = tuple[int, int] | bytes


def parts_of(dataset: Dataset) -> Iterator[Part]:
    """The elements as they are to be written: ranges of the file, and literals."""
    if not dataset.edits:
        yield (dataset.start, dataset.end)
        return
    at = dataset.start
    for position, tag in _positions(dataset):
        edited = dataset.edits[tag]
        raw = dataset.index.get(tag)
        yield (at, position)
        at = position if raw is None else raw[4]
        if isinstance(edited, Literal):
            yield dataset.encoding.header(tag, edited.vr, len(edited.value)) + edited.value
        elif edited is not None:
            yield from _sequence_parts(edited)
    yield (at, dataset.end)


def _positions(dataset: Dataset) -> list[tuple[int, int]]:
    """Where in the file each edit belongs; new elements in front of the next greater tag."""
    tags: list[int] | None = None
    positions = []
    for tag in dataset.edits:
        raw = dataset.index.get(tag)
        if raw is not None:
            positions.append((raw[1], tag))
            continue
        if tags is None:
            tags = sorted(dataset.index)
        following = bisect_right(tags, tag)
        positions.append((dataset.index[tags[following]][1] if following < len(tags) else dataset.end, tag))
    return sorted(positions, key=lambda each: (each[0], each[1]))


def _sequence_parts(sequence: Sequence) -> Iterator[Part]:
    raw = sequence.raw
    content = [part for item in sequence.items for part in _item_parts(item)]
    if raw is not None and raw[3] != raw[4]:
        yield (raw[1], raw[2])
        yield from content
        yield (raw[3], raw[4])
    else:
        yield sequence.parent.encoding.header(sequence.tag, sequence.vr, _length(content))
        yield from content


def _item_parts(item: Dataset) -> Iterator[Part]:
    """An item with its header and, where it had one, its delimiter."""
    raw = item.raw
    if raw is not None and not item.edits:
        yield (raw.header, raw.end)
    elif raw is not None and raw.stop != raw.end:
        yield (raw.header, raw.start)
        yield from parts_of(item)
        yield (raw.stop, raw.end)
    else:
        content = list(parts_of(item))
        yield item.encoding.item_header(_length(content))
        yield from content


def _length(parts: list[Part]) -> int:
    return sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)

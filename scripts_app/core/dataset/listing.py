"""The elements of a file as rows for people to read: bounded, with values shortened."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydicom import datadict

from scripts_app.core.dataset.dictionary import keyword_of, written
from scripts_app.core.dataset.edits import shown_at
from scripts_app.core.dataset.encoding import Encoding, encoding_of
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.file_meta import read_file_meta
from scripts_app.core.dataset.index import scan
from scripts_app.core.dataset.journal import Journal
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.dataset.vr import vr_here

_MOST_LOOKED_AT = 50_000
_LONGEST_VALUE = 400
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Row:
    """One element, or one item of a sequence; rows inside a sequence follow it with a greater depth."""

    depth: int
    tag: str
    """gggg,eeee; of an item its number."""
    name: str
    """Keyword, or what is known of a private element; empty when nothing is."""
    vr: str
    """Empty for items."""
    length: int
    """Bytes of the value; of a sequence its items, of an item its elements."""
    value: str
    path: str
    """How scripts write it."""


@dataclass(frozen=True, slots=True)
class Listing:
    rows: tuple[Row, ...]
    found: int
    """Elements that hold what was wanted; those around them, which are told too, do not count."""
    cut: bool
    """Whether there is more than is told."""


def listed(path: Path, *, most: int, wanted: str = "", values: bool = True) -> Listing:
    """
    At most ``most`` rows of a Part 10 file, only those that hold ``wanted`` (and what they stand in) when it is given.

    ``values``: False leaves values out, and the search does not look at them.
    NotIndexable or NotPart10 for a file that has to be rewritten first; OSError when it is not there.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        meta = read_file_meta(mapped)
        encoding: Encoding = encoding_of(meta.transfer_syntax_uid)
        index, end = scan(mapped, meta.dataset_offset, len(mapped), encoding, ordered=False)
        dataset = Dataset(mapped, Journal(), encoding, index, meta.dataset_offset, end)
        # A search has to look beyond what it tells; not for ever, for a file may be made to keep somebody busy.
        rows = list(islice(_rows(dataset, 0, "", values), _MOST_LOOKED_AT if wanted else most + 1))
    if not wanted:
        return Listing(tuple(rows[:most]), len(rows[:most]), len(rows) > most)
    kept, found = _with_surroundings(rows, wanted.casefold())
    return Listing(tuple(kept[:most]), found, len(kept) > most or len(rows) == _MOST_LOOKED_AT)


def _rows(dataset: Dataset, depth: int, path: str, values: bool) -> Iterator[Row]:
    for tag in dataset.tags():
        row = _row(dataset, tag, depth, path, values)
        yield row
        sequence = dataset.sequence(tag) if row.vr == "SQ" else None
        for number, item in enumerate(sequence.items if sequence else (), start=1):
            place = f"{row.path}[{number}]"
            yield Row(depth + 1, str(number), "", "", len(item.tags()), "", place)
            yield from _rows(item, depth + 2, f"{place}.", values)


def _with_surroundings(rows: list[Row], wanted: str) -> tuple[list[Row], int]:
    """The rows that are wanted, what they stand in and what stands in them; and how many are wanted."""
    kept = [False] * len(rows)
    above: list[int] = []
    whole: int | None = None
    found = 0
    for at, row in enumerate(rows):
        while above and rows[above[-1]].depth >= row.depth:
            above.pop()
        inside = whole is not None and row.depth > whole
        whole = whole if inside else None
        place = row.path if "[" in wanted else row.tag
        if row.vr and any(wanted in text.casefold() for text in (place, row.name, row.value)):
            found += 1
            for part in (*above, at):
                kept[part] = True
            if row.vr == "SQ" and not inside:
                whole = row.depth
        kept[at] = kept[at] or inside
        above.append(at)
    return [row for row, keep in zip(rows, kept, strict=True) if keep], found


def _row(dataset: Dataset, tag: int, depth: int, path: str, values: bool) -> Row:
    vr = vr_here(dataset, tag).decode("latin-1")
    length, value = dataset.length(tag), ""
    if vr == "SQ":
        try:
            sequence = dataset.sequence(tag)
            length = len(sequence.items) if sequence else 0
        except DatasetError as error:
            vr, value = "UN", str(error)
    elif values:
        value = shown_at(dataset, tag) or ""
        if len(value) > _LONGEST_VALUE:
            value = f"{value[:_LONGEST_VALUE]}… <{length} bytes>"
    return Row(depth, written(tag), _name(dataset, tag, values), vr, length, value, path + written(tag))


def _name(dataset: Dataset, tag: int, values: bool) -> str:
    if not tag >> 16 & 1:
        return keyword_of(tag) or ("group length" if tag & 0xFFFF == 0 else "")
    if 0x10 <= tag & 0xFFFF <= 0xFF:
        return "private creator"
    if not values:
        # What the creator calls itself is a value like any other.
        return "private"
    found = dataset.value(tag & 0xFFFF0000 | tag >> 8 & 0xFF) if tag & 0xFFFF >= 0x1000 else None
    creator = (found or b"")[:_LONGEST_NAME].rstrip(b"\0 ").decode("latin-1")
    if not creator:
        return "private, of nobody"
    try:
        known = datadict.private_dictionary_description(tag, creator)
    except KeyError:
        known = ""
    return f"{known} ({creator})" if known else f"private ({creator})"

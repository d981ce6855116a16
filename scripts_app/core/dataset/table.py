"""Whole data sets as tables, and tables written into data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts_app.core.dataset.character_sets import SPECIFIC_CHARACTER_SET
from scripts_app.core.dataset.dictionary import called, keyword_of, named, written
from scripts_app.core.dataset.edits import EditRecord, refuse_group, set_value, shown_at, text_at
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.navigate import item_at, sequence_at
from scripts_app.core.dataset.overlay import Dataset, path_of
from scripts_app.core.dataset.path import Step, parsed
from scripts_app.core.dataset.vr import PIXEL_REPRESENTATION, vr_here

_DECISIVE = (SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION)
"""What other elements are written by; PixelRepresentation tells whether US or SS."""


def table_of(dataset: Dataset) -> dict[str, Any]:
    """Keyword or gggg,eeee to string or list of tables; binary values and group lengths are left out."""
    table: dict[str, Any] = {}
    for tag in dataset.tags():
        if tag & 0xFFFF == 0:
            continue
        name = called(tag)
        sequence = sequence_at(dataset, tag)
        if sequence is not None:
            table[name] = [table_of(item) for item in sequence.items]
            continue
        try:
            table[name] = text_at(dataset, tag)
        except DatasetError:
            continue
    return table


def populate(dataset: Dataset, table: Mapping[str, Any]) -> list[EditRecord]:
    """Write a table: first what decides how the rest is written, and items in their order."""
    entries = []
    for path, value in table.items():
        if not isinstance(path, str):
            raise DatasetError(f"a table's keys are tags or paths, not {path!r}")
        steps = parsed(path)
        refuse_group(steps[0].tag)
        entries.append((steps, value))
    entries.sort(key=lambda entry: (entry[0][0].tag not in _DECISIVE, [step.number or 0 for step in entry[0]]))
    records: list[EditRecord] = []
    for steps, value in entries:
        records += _write(dataset, steps, value)
    return records


def _write(dataset: Dataset, steps: tuple[Step, ...], value: Any) -> list[EditRecord]:
    last = steps[-1]
    if isinstance(value, Mapping) and value:
        item, records = item_at(dataset, steps)
        return [*records, *populate(item, value)]
    if last.chooses_items:
        if isinstance(value, (Mapping, list, tuple)) and not value:
            return item_at(dataset, steps)[1]
        raise DatasetError(f"{written(last.tag)}: an item takes a table, not {value!r:.80}")
    parent, records = item_at(dataset, steps[:-1])
    if isinstance(value, (Mapping, list, tuple)) and vr_here(parent, last.tag) == b"SQ":
        return [*records, *_replace_items(parent, last.tag, list(value))]
    if isinstance(value, Mapping):
        value = ""
    return [*records, set_value(parent, last.tag, value)]


def _replace_items(dataset: Dataset, tag: int, tables: list[Any]) -> list[EditRecord]:
    for table in tables:
        if not isinstance(table, Mapping) and table != []:
            raise DatasetError(f"{written(tag)} {keyword_of(tag)}: an item takes a table, not {table!r:.80}")
    old = shown_at(dataset, tag)
    held = sequence_at(dataset, tag)
    if held is not None:
        if _alike(tables) == _alike([table_of(item) for item in held.items]):
            return []  # as it was read, like any other value
        for item in held.items:
            _refuse_loss(item, named(tag))
    sequence = sequence_at(dataset, tag, create=True)
    sequence.touch()
    dataset.journal.replace_items(sequence, [])
    records: list[EditRecord] = []
    for table in tables:
        records += populate(sequence.append(), dict(table))
    return [EditRecord(path_of(dataset, tag), keyword_of(tag), old, shown_at(dataset, tag)), *records]


def _alike(value: Any) -> Any:
    """The same for tables that say the same: Lua has one empty table, for an empty item and for no items."""
    if isinstance(value, Mapping):
        return {name: _alike(inner) for name, inner in value.items()} or []
    return [_alike(each) for each in value] if isinstance(value, (list, tuple)) else value


def _refuse_loss(item: Dataset, where: str) -> None:
    """DatasetError where an item, or one below it, holds what a table cannot give back."""
    table = table_of(item)
    for tag in item.tags():
        inner = sequence_at(item, tag)
        for below in inner.items if inner else ():
            _refuse_loss(below, where)
        if tag & 0xFFFF and called(tag) not in table:
            raise DatasetError(
                f"{where}: a table in its place would lose {named(tag)}, which tables do not hold: set single elements"
                " by their paths, or remove the sequence first"
            )

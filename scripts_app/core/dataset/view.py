"""A data set or sequence item as scripts see it: everything by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scripts_app.core.dataset.dictionary import written
from scripts_app.core.dataset.edits import (
    EditRecord,
    binary_at,
    is_binary,
    refuse_group,
    remove_value,
    set_value,
    text_at,
)
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.navigate import chosen, find, item_at, one, sequence_at
from scripts_app.core.dataset.overlay import Dataset, Sequence, path_of
from scripts_app.core.dataset.path import parsed
from scripts_app.core.dataset.table import populate, table_of
from scripts_app.core.dataset.vr import vr_here


class View:
    """
    The top-level data set, or one item of a sequence.

    A view stays valid as long as its item: after the item has been removed
    every edit through it is a DatasetError.  What changes something changes it
    wholly or, with a DatasetError, not at all.
    """

    __slots__ = ("_dataset", "_file_meta")

    def __init__(self, dataset: Dataset, file_meta: Callable[[], Dataset]) -> None:
        self._dataset = dataset
        self._file_meta = file_meta

    def get(self, path: str) -> str | None:
        """
        The value as a string, several joined by backslashes; None when absent, '' when empty.

        DatasetError for a sequence and for binary values: neither has a text,
        and None would say that they are absent.
        """
        dataset, tag = self._element(path)
        return None if dataset is None else text_at(dataset, tag)

    def read(self, path: str) -> str | bytes | None:
        """As get(), but a binary value comes as its bytes; DatasetError for those of more than 16 MiB."""
        dataset, tag = self._element(path)
        if dataset is None:
            return None
        try:
            return text_at(dataset, tag)
        except DatasetError:
            if not is_binary(dataset, tag):
                raise
        return binary_at(dataset, tag)

    def binary(self, path: str) -> bool:
        """Whether the path leads to a value that read() answers as bytes."""
        try:
            dataset, tag = self._element(path)
        except DatasetError:
            return False
        return dataset is not None and is_binary(dataset, tag)

    def _element(self, path: str) -> tuple[Dataset | None, int]:
        steps = parsed(path)
        last = steps[-1]
        if last.chooses_items:
            raise DatasetError(f"path {path!r} ends at a sequence item: add .Tag, or use Select or ToTable")
        dataset = self._start(steps[0].tag)
        if len(steps) > 1:
            return find(dataset, steps[:-1]), last.tag
        return dataset, last.tag

    def exists(self, path: str) -> bool:
        """Whether the element, or the item when the path ends at one, is there; empty elements are."""
        steps = parsed(path)
        dataset = find(self._start(steps[0].tag), steps[:-1])
        if dataset is None:
            return False
        if steps[-1].chooses_items:
            return one(dataset, steps[-1]) is not None
        return steps[-1].tag in dataset

    def count(self, path: str) -> int:
        """Items of the sequence, those that match when the path ends with a selector; 0 for anything else."""
        steps = parsed(path)
        dataset = find(self._start(steps[0].tag), steps[:-1])
        if dataset is None or not sequence_at(dataset, steps[-1].tag):
            return 0
        return len(chosen(dataset, steps[-1]))

    def set(self, path: str, value: Any) -> EditRecord:
        """
        Set a value: a string, a number, or a list of them for several values; bytes, as they were read.

        Creates the element and the sequences and items on the way; an item
        that a selector does not find is created with the selector's value.
        Numbers count from 1 without gaps: [n] creates when there are n - 1 items.
        """
        steps = parsed(path)
        if steps[-1].chooses_items:
            raise DatasetError(f"path {path!r} ends at a sequence item: add .Tag, or use PopulateAt")
        refuse_group(steps[0].tag)
        with self._dataset.journal.all_or_nothing():
            dataset, also = item_at(self._dataset, steps[:-1])
            record = set_value(dataset, steps[-1].tag, value)
        if not also:
            return record
        # A selector's value may have raised the character set, which came with it in turn.
        came = [part for each in also for part in (each, *each.also)]
        return EditRecord(record.path, record.keyword, record.old, record.new, record.note, (*came, *record.also))

    def remove(self, path: str) -> EditRecord | None:
        """Remove an element, a whole sequence, or the item at which the path ends; None when absent."""
        steps = parsed(path)
        refuse_group(steps[0].tag)
        dataset = find(self._dataset, steps[:-1])
        if dataset is None:
            return None
        with self._dataset.journal.all_or_nothing():
            if steps[-1].chooses_items:
                item = one(dataset, steps[-1])
                return None if item is None or item.owner is None else _remove_item(item, item.owner)
            return remove_value(dataset, steps[-1].tag)

    def select(self, path: str) -> View | None:
        """The one item at which the path ends; DatasetError when several match."""
        item = find(self._start(parsed(path)[0].tag), parsed(path))
        return None if item is None else View(item, self._file_meta)

    def items(self, path: str) -> list[View]:
        """All items of a sequence, or all that match when the path ends with a selector."""
        steps = parsed(path)
        dataset = find(self._start(steps[0].tag), steps[:-1])
        if dataset is None:
            return []
        return [View(item, self._file_meta) for item in chosen(dataset, steps[-1])]

    def sequences(self) -> list[str]:
        """Paths of the sequences that stand here; nothing of them is read."""
        return [written(tag) for tag in self._dataset.tags() if vr_here(self._dataset, tag) == b"SQ"]

    def append(self, path: str, values: Mapping[str, Any] | None = None) -> tuple[View, list[EditRecord]]:
        """One more item at the end of a sequence, which is created when absent."""
        steps = parsed(path)
        if steps[-1].chooses_items:
            raise DatasetError(f"path {path!r} ends at an item: Append takes the path of a sequence")
        refuse_group(steps[0].tag)
        with self._dataset.journal.all_or_nothing():
            dataset, also = item_at(self._dataset, steps[:-1])
            item = sequence_at(dataset, steps[-1].tag, create=True).append()
            records = [*also, EditRecord(path_of(item), "", None, "<new item>")]
            records += populate(item, values or {})
        return View(item, self._file_meta), records

    def populate(self, table: Mapping[str, Any]) -> list[EditRecord]:
        """Set many: path to value, to a table for an item, or to a list of tables that replace a sequence's items."""
        with self._dataset.journal.all_or_nothing():
            return populate(self._dataset, table)

    def populate_at(self, path: str, table: Mapping[str, Any]) -> list[EditRecord]:
        """populate() in the item at which the path ends, which is created as set() would."""
        steps = parsed(path)
        refuse_group(steps[0].tag)
        with self._dataset.journal.all_or_nothing():
            item, also = item_at(self._dataset, steps)
            return [*also, *populate(item, table)]

    def to_table(self, path: str | None = None) -> Any:
        """
        What populate() takes: keywords (gggg,eeee where there is none) to strings, sequences to lists of tables.

        With a path: the table of an item, the list of a sequence, the string of
        an element, or None.  Binary values and group lengths are left out.
        """
        if path is None:
            return table_of(self._dataset)
        steps = parsed(path)
        dataset = find(self._start(steps[0].tag), steps[:-1])
        if dataset is None:
            return None
        if steps[-1].chooses_items:
            item = one(dataset, steps[-1])
            return None if item is None else table_of(item)
        sequence = sequence_at(dataset, steps[-1].tag)
        if sequence:
            return [table_of(item) for item in sequence.items]
        return text_at(dataset, steps[-1].tag)

    def delete(self) -> EditRecord:
        """Remove this item from its sequence."""
        sequence = self._dataset.owner
        if sequence is None:
            raise DatasetError("Delete is for sequence items; use Remove to take elements out of the data set")
        with self._dataset.journal.all_or_nothing():
            return _remove_item(self._dataset, sequence)

    def _start(self, tag: int) -> Dataset:
        """Group 0002 is read from the file meta information, wherever the view stands."""
        return self._file_meta() if tag >> 16 == 2 else self._dataset


def _remove_item(item: Dataset, sequence: Sequence) -> EditRecord:
    path = path_of(item)
    old = f"<item of {len(item.tags())} elements>"
    sequence.remove(item)
    return EditRecord(path, "", old, None)

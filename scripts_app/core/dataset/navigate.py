"""Following a path through sequences: finding items, and creating the missing ones."""

from __future__ import annotations

from collections.abc import Sequence as Steps
from typing import Literal as Exactly
from typing import overload

from scripts_app.core.dataset.dictionary import called, named, written
from scripts_app.core.dataset.edits import EditRecord, set_value, text_at
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.index import DEEPEST
from scripts_app.core.dataset.overlay import Dataset, Sequence
from scripts_app.core.dataset.path import Step
from scripts_app.core.dataset.vr import vr_here


def find(dataset: Dataset, steps: Steps[Step]) -> Dataset | None:
    """The item that the steps lead to, None when there is none; DatasetError when several match."""
    for step in steps:
        item = one(dataset, step)
        if item is None:
            return None
        dataset = item
    return dataset


def one(dataset: Dataset, step: Step) -> Dataset | None:
    """The item that one step chooses; a sequence without [..] means its only item."""
    found = chosen(dataset, step)
    if len(found) > 1:
        name = called(step.tag)
        if step.selector is None:
            raise DatasetError(f"{name} has {len(found)} items: say which, such as {name}[1]")
        raise DatasetError(
            f"{name}[{called(step.selector)}={step.value!r}] is ambiguous: {len(found)} items match; use Items"
        )
    return found[0] if found else None


def chosen(dataset: Dataset, step: Step) -> list[Dataset]:
    """All items that one step chooses."""
    sequence = dataset.sequence(step.tag)
    if sequence is None:
        return []
    if step.number is not None:
        return sequence.items[step.number - 1 : step.number]
    if step.selector is None:
        return list(sequence.items)
    return [item for item in sequence.items if text_at(item, step.selector) == step.value]


def item_at(dataset: Dataset, steps: Steps[Step]) -> tuple[Dataset, list[EditRecord]]:
    """The item that the steps lead to, created where it is missing, and what had to be set for that."""
    records: list[EditRecord] = []
    for step in steps:
        found = one(dataset, step)
        if found is None:
            sequence = sequence_at(dataset, step.tag, create=True)
            count = len(sequence.items)
            if step.number is not None and step.number > count + 1:
                raise DatasetError(
                    f"{named(step.tag)} has {count} items, [{step.number}] would leave a gap; next is [{count + 1}]"
                )
            found = sequence.append()
            if step.selector is not None:
                records.append(set_value(found, step.selector, step.value))
        dataset = found
    return dataset, records


@overload
def sequence_at(dataset: Dataset, tag: int, *, create: Exactly[True]) -> Sequence: ...
@overload
def sequence_at(dataset: Dataset, tag: int) -> Sequence | None: ...
def sequence_at(dataset: Dataset, tag: int, *, create: bool = False) -> Sequence | None:
    """The sequence of a tag; None for other and absent elements, or, to ``create``, DatasetError and a new one."""
    vr = vr_here(dataset, tag)
    if vr == b"SQ" and tag in dataset:
        return dataset.sequence(tag)
    if not create:
        return None
    if tag >> 16 & 1 and tag not in dataset:
        raise DatasetError(f"{written(tag)} is not there, and a private element cannot be created by its number")
    if vr != b"SQ":
        raise DatasetError(f"{named(tag)} is no sequence{', its VR is ' + vr.decode() if vr else ''}")
    if dataset.depth() >= DEEPEST:
        raise DatasetError(f"{named(tag)} would be nested deeper than {DEEPEST} levels")
    sequence = Sequence(dataset, tag, dataset.encoding)
    dataset.put(tag, sequence)
    return sequence

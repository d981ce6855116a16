"""
Are all conditions of an entry met, and if not, which one failed on which value.

What the Conditions page leaves open: an element that is absent or empty matches
nothing, not even ``^$`` or a negative look-ahead; several values are one string
joined by backslashes, padding at its end left out; of a sequence, one and
the same item must meet all of its SequenceItems.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from scripts_app.core.conditions.condition import Condition
from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.pattern import Pattern, read_pattern
from scripts_app.core.conditions.quoted import quoted
from scripts_app.core.conditions.tag import Tag, read_tag

_LONGEST_SHOWN = 80
_PADDING = " \0"


class Readable(Protocol):
    """What a condition reads: a data set or a sequence item."""

    def get(self, path: str) -> str | None: ...

    def exists(self, path: str) -> bool: ...

    def items(self, path: str) -> Sequence[Readable]: ...

    def sequences(self) -> Sequence[str]: ...


def first_failure(conditions: Sequence[Condition], dataset: Readable) -> str | None:
    """Say which condition is not met and on what value; None when all are met."""
    for condition in conditions:
        if (failure := _failure(condition, dataset)) is not None:
            return failure
    return None


def _failure(condition: Condition, dataset: Readable) -> str | None:
    tag = read_tag(condition.tag)
    if condition.sequence_items:
        return _sequence_failure(condition, tag, dataset)
    pattern = read_pattern(condition.match_expression)
    if condition.search:
        return _search_failure(condition, tag, pattern, dataset)
    value = _value(condition, tag, dataset)
    if value and pattern.matches(value):
        return None
    return f"{tag} {_shown(value)}, wanted {pattern}"


def _sequence_failure(condition: Condition, tag: Tag, dataset: Readable) -> str | None:
    path = _path(condition, tag, dataset)
    items = dataset.items(path) if path else ()
    if not items:
        return f"{tag} has no items, wanted one that matches SequenceItems"
    failures = [first_failure(condition.sequence_items, item) for item in items]
    if None in failures:
        return None
    return f"{tag}: no item matches SequenceItems; in item 1, {failures[0]}"


def _search_failure(condition: Condition, tag: Tag, pattern: Pattern, dataset: Readable) -> str | None:
    found: list[str] = []
    for level in _levels(dataset):
        if value := _value(condition, tag, level):
            if pattern.matches(value):
                return None
            found.append(value)
    if not found:
        return f"{tag} is absent everywhere, wanted {pattern}"
    shown = ", ".join(quoted(value[:_LONGEST_SHOWN]) for value in found[:3])
    return f"{tag} is {shown}{' and others' if len(found) > 3 else ''}, wanted {pattern}"


def _levels(dataset: Readable) -> Iterator[Readable]:
    """The data set and every item below it."""
    yield dataset
    for path in dataset.sequences():
        for item in dataset.items(path):
            yield from _levels(item)


def _value(condition: Condition, tag: Tag, dataset: Readable) -> str | None:
    path = _path(condition, tag, dataset)
    return dataset.get(path) if path else None


def _path(condition: Condition, tag: Tag, dataset: Readable) -> str | None:
    """Path of the element; with a private creator, in a block that creator has reserved here."""
    if not condition.private_tag_creator:
        return tag.path
    if tag.group % 2 == 0:
        raise WrongCondition(f"{tag}: PrivateTagCreator needs an odd group")
    wanted = condition.private_tag_creator.strip()
    first: str | None = None
    # PS3.5 7.8.1: (gggg,0010-00FF) reserve the blocks (gggg,1000-10FF) to (gggg,FF00-FFFF).
    for block in range(0x10, 0x100):
        creator = dataset.get(f"{tag.group:04X},{block:04X}")
        if creator is not None and creator.strip(_PADDING) == wanted:
            path = f"{tag.group:04X},{block << 8 | tag.element & 0xFF:04X}"
            if dataset.exists(path):
                return path
            first = first or path
    return first


def _shown(value: str | None) -> str:
    if value is None:
        return "is absent"
    if not value:
        return "is empty"
    return f"is {quoted(value[:_LONGEST_SHOWN])}{'...' if len(value) > _LONGEST_SHOWN else ''}"

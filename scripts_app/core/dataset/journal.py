"""The edits of one document in order, so that the last ones can be taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, NewType, Union

if TYPE_CHECKING:
    from scripts_app.core.dataset.overlay import Dataset, Sequence

Mark = NewType("Mark", int)


class Literal(NamedTuple):
    """An element that a script wrote."""

    vr: bytes
    value: bytes


Edited = Union[Literal, "Sequence", None]
"""What stands over an element: a new value, a sequence with edits inside, or None where it was removed."""

_NOTHING = object()


class Journal:
    """What to put back, last edit first."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[
            tuple[dict[int, Edited], int, object]
            | tuple[Sequence, None, list[Dataset] | None]
            | tuple[Sequence, None, tuple[int, Dataset]]
        ] = []

    def mark(self) -> Mark:
        return Mark(len(self._entries))

    def assign(self, edits: dict[int, Edited], tag: int, edited: Edited) -> None:
        self._entries.append((edits, tag, edits.get(tag, _NOTHING)))
        edits[tag] = edited

    def forget(self, edits: dict[int, Edited], tag: int) -> None:
        """Take an edit away, so that the received bytes show again."""
        if tag in edits:
            self._entries.append((edits, tag, edits.pop(tag)))

    def append_item(self, sequence: Sequence, item: Dataset) -> None:
        self._entries.append((sequence, None, None))
        sequence.items.append(item)

    def remove_item(self, sequence: Sequence, place: int) -> None:
        """Only what goes is kept: a copy of all items for each of thousands would fill the memory."""
        self._entries.append((sequence, None, (place, sequence.items.pop(place))))

    def replace_items(self, sequence: Sequence, items: list[Dataset]) -> None:
        self._entries.append((sequence, None, sequence.items))
        sequence.items = items

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Take back what was done inside when it ends in an error."""
        mark = self.mark()
        try:
            yield
        except Exception:
            self.rollback(mark)
            raise

    def rollback(self, mark: Mark) -> None:
        entries = self._entries
        while len(entries) > mark:
            entry = entries.pop()
            if entry[1] is None:
                sequence, _, items = entry
                if items is None:
                    sequence.items.pop()
                elif isinstance(items, tuple):
                    sequence.items.insert(*items)
                else:
                    sequence.items = items
            elif entry[2] is _NOTHING:
                entry[0].pop(entry[1], None)
            else:
                entry[0][entry[1]] = entry[2]  # type: ignore[assignment]

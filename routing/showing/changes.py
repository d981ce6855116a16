"""What the scripts changed, output by output: one row for each element, outputs that are the same told once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scripts_app.core.dataset.dictionary import vr_of

MOST_ROWS = 500
"""Elements of one output that are told: a page is fetched again while things happen."""
_MOST_EDITS = 8
"""Of one element: the first and the last of them."""


@dataclass(frozen=True, slots=True)
class ElementChange:
    """An element before the first and after the last edit of it."""

    path: str
    keyword: str
    vr: str
    """That of the dictionary; empty where it has none."""
    old: str | None
    """None: absent."""
    new: str | None
    """None: removed."""
    edits: tuple[str, ...]
    """Each edit in words: operation, entry and line; of many the first and the last."""

    @property
    def differs(self) -> bool:
        """Whether the value is another one than before; what is only described, as bytes and items are, may be."""
        return self.old != self.new or (self.old or "").startswith("<")


@dataclass(frozen=True, slots=True)
class OutputChanges:
    destinations: tuple[str, ...]
    """Several when they get the same."""
    original: bool
    """Whether it is the image itself, and not a copy; of the first destination."""
    rows: tuple[ElementChange, ...]

    @property
    def shown(self) -> tuple[ElementChange, ...]:
        """The first of the rows."""
        return self.rows[:MOST_ROWS]

    @property
    def changed(self) -> int:
        """Rows with another value than before."""
        return sum(row.differs for row in self.rows)

    @property
    def unchanged(self) -> int:
        """Rows of what scripts set to the value that it had, or set back."""
        return len(self.rows) - self.changed


def output_changes(outputs: Iterable[Mapping[str, Any]], first: str) -> list[OutputChanges]:
    """The outputs of a report, that for destination ``first`` in front."""
    same: dict[tuple[ElementChange, ...], list[Mapping[str, Any]]] = {}
    for output in sorted(outputs, key=lambda output: output.get("destination") != first):
        same.setdefault(_rows(output.get("changes") or ()), []).append(output)
    return [
        OutputChanges(
            tuple(str(output.get("destination", "")) for output in alike), bool(alike[0].get("original")), rows
        )
        for rows, alike in same.items()
    ]


def _rows(changes: Iterable[Mapping[str, Any]]) -> tuple[ElementChange, ...]:
    rows: list[list[ElementChange]] = []
    places: dict[str, int] = {}
    for change in changes:
        path = str(change.get("path", ""))
        at = places.get(path)
        row = _row(path, change)
        if at is None:
            places[path] = len(rows)
            rows.append([row])
        else:
            rows[at].append(row)
        if "[" in path and (row.new is None or row.old is None):
            # An item came or went: the numbers in later paths may mean other items.
            places = {known: place for known, place in places.items() if "[" not in known}
    return tuple(map(_together, rows))


def _together(edits: list[ElementChange]) -> ElementChange:
    """All edits of one element as one."""
    words = [word for edit in edits for word in edit.edits]
    if len(words) > _MOST_EDITS:
        words[1 : 1 - _MOST_EDITS] = [f"… {len(words) - _MOST_EDITS} more …"]
    return replace(edits[-1], old=edits[0].old, edits=tuple(words))


def _row(path: str, change: Mapping[str, Any]) -> ElementChange:
    line = change.get("line")
    edit = f"{change.get('operation', '')}, entry {change.get('entry', '')}{f':{line}' if line else ''}"
    keyword = str(change.get("keyword") or "")
    return ElementChange(path, keyword, _vr(path), change.get("old"), change.get("new"), (edit,))


def _vr(path: str) -> str:
    tag = re.search(r"([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})$", path)
    return vr_of(int(tag[1] + tag[2], 16)) if tag else ""

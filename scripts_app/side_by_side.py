"""Two texts beside each other, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

_AROUND = 3
"""Equal lines that are shown around a change."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table; a number is None where that side has no line."""

    kind: str
    """same, changed, removed, added, or gap: equal lines left out."""
    old_number: int | None = None
    old: str = ""
    new_number: int | None = None
    new: str = ""


def side_by_side(old: str, new: str) -> list[Line]:
    left, right = old.splitlines(), new.splitlines()
    # Without autojunk=False lines that are frequent, as "end" is, would not count as equal.
    groups = SequenceMatcher(None, left, right, autojunk=False).get_grouped_opcodes(_AROUND)
    rows: list[Line] = []
    reached = 0
    for group in groups:
        if group[0][1] > reached:
            rows.append(Line("gap"))
        for operation, i1, i2, j1, j2 in group:
            rows += _rows(operation, list(enumerate(left[i1:i2], i1 + 1)), list(enumerate(right[j1:j2], j1 + 1)))
            reached = i2
    if rows and reached < len(left):
        rows.append(Line("gap"))
    return rows


def _rows(operation: str, left: list[tuple[int, str]], right: list[tuple[int, str]]) -> Iterator[Line]:
    kind = "same" if operation == "equal" else "changed"
    for at in range(max(len(left), len(right))):
        if at >= len(right):
            yield Line("removed", *left[at])
        elif at >= len(left):
            yield Line("added", None, "", *right[at])
        else:
            yield Line(kind, *left[at], *right[at])

"""The rows of a listing as a tree that folds: where each part of it opens and closes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    row: Mapping[str, Any]
    """As scripts_app.core.dataset.listing.Row."""
    opens: bool
    """Whether the rows below stand in it."""
    closes: range
    """One for each part that ends before it."""

    @property
    def is_item(self) -> bool:
        return not self.row["vr"]


@dataclass(frozen=True, slots=True)
class Tree:
    lines: tuple[Line, ...]
    closes: range
    """The parts that are still open at the end."""


def tree_of(rows: Iterable[Mapping[str, Any]]) -> Tree:
    """
    The tree of rows in the order of the file.

    Flat, and not nested, so that a template needs no recursion: a file may nest
    as deep as it likes.
    """
    lines, open_parts = [], 0
    for row in rows:
        opens = not row["vr"] or (row["vr"] == "SQ" and row["length"] > 0)
        lines.append(Line(row, opens, range(open_parts - row["depth"])))
        open_parts = row["depth"] + opens
    return Tree(tuple(lines), range(open_parts))

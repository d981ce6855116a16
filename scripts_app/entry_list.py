"""The entries as their page shows them: the order in which they run, and which images reach each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts_app.core.collection import Collection, title_of
from scripts_app.core.reach import called_titles, contradictions, passes
from scripts_app.draft import Working
from scripts_app.entry_form import EntryForm, Row


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry, and where it stands."""

    entry: Mapping[str, Any]
    place: int
    """Counted from 1, among all entries."""
    number: int | None
    """Its place among those that run, as errors name it; None: disabled."""
    title: str


@dataclass(frozen=True, slots=True)
class Listed(Placed):
    """What is told of it."""

    rows: list[Row]
    mark: str
    """new or changed, in the draft."""
    called: list[str]
    """Called AE titles that lead to it; empty: all."""
    out_of_reach: str
    """Why no image reaches it, or not the chosen one; empty when it may."""
    warnings: list[str]


def in_order(content: Collection) -> list[Placed]:
    found = []
    number = 0
    for place, entry in enumerate(content["entries"], start=1):
        number += entry["enabled"]
        found.append(Placed(entry, place, number if entry["enabled"] else None, title_of(entry)))
    return found


def listed(entries: Iterable[Placed], now: Working | None, titles: Mapping[str, str], called: str) -> Iterator[Listed]:
    """``titles``: node by called AE title; ``called``: the one that somebody looks at, empty for all."""
    before = {entry["key"]: entry for entry in now.base["entries"]} if now else {}
    for placed in entries:
        entry = placed.entry
        reaching = called_titles(entry["ae_titles"], titles)
        yield Listed(
            entry,
            placed.place,
            placed.number,
            placed.title,
            EntryForm.of_entry(entry).rows,
            _mark(now is not None, before.get(entry["key"]), entry),
            reaching,
            _out_of_reach(entry, reaching, titles, called),
            contradictions(entry["conditions"]),
        )


def changed_libraries(now: Working) -> list[str]:
    """Paths of files that are new or changed in the draft."""
    return [path for path, source in now.content["libraries"].items() if now.base["libraries"].get(path) != source]


def _mark(draft: bool, before: object, now: object) -> str:
    """How a part of the draft stands to what is active."""
    return "" if not draft or before == now else "new" if before is None else "changed"


def _out_of_reach(entry: Mapping[str, Any], reaching: list[str], titles: Mapping[str, str], called: str) -> str:
    if not entry["enabled"]:
        return "disabled" if called else ""
    if entry["ae_titles"] and not reaching:
        return "no sender reaches it: its nodes are disabled or gone"
    if called and not passes(entry["ae_titles"], titles.get(called, "")):
        return f"not for {titles.get(called, called)}"
    return ""

"""The form of an entry: its fields, its conditions as rows, and back to what a draft holds."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from scripts_app.collection_check import Fault, entry_faults
from scripts_app.core.conditions.advice import reading, traps
from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.pattern import read_pattern
from scripts_app.core.conditions.tag import read_tag
from scripts_app.models import unix_lines

_SPARE_ROWS = 1
MOST_ROWS = 1000
"""Conditions of one entry that a page saves; each has five fields of those that a form may have."""


@dataclass(frozen=True, slots=True)
class Row:
    """One condition as it stands in the form; what is said about it is for the person who writes it."""

    level: int = 0
    """0, or how deep it stands inside the sequences named above it."""
    tag: str = ""
    match_expression: str = ""
    search: bool = False
    private_tag_creator: str = ""
    names_a_sequence: bool = False
    """Are there rows inside it?"""

    def errors(self) -> list[str]:
        if not self.tag and not self.match_expression:
            return []
        found = []
        try:
            tag = read_tag(self.tag)
            if self.private_tag_creator and tag.group % 2 == 0:
                found.append(f"a creator needs an odd group; {tag.group:04X} is a standard one")
        except WrongCondition as error:
            found.append(str(error))
        if self.names_a_sequence:
            if self.match_expression or self.search:
                found.append("with conditions inside it, it has neither a pattern nor a search of its own")
            return found
        try:
            read_pattern(self.match_expression)
        except WrongCondition as error:
            found.append(str(error))
        return found

    def notes(self) -> list[str]:
        """How tag and pattern are read."""
        found = []
        with contextlib.suppress(WrongCondition):
            found.append(str(read_tag(self.tag)) if self.tag else "")
        found.append("" if self.names_a_sequence else reading(self.match_expression))
        return [note for note in found if note]

    def warnings(self) -> list[str]:
        return traps(self.match_expression)


@dataclass(slots=True)
class EntryForm:
    """What somebody has written, right or wrong."""

    description: str = ""
    enabled: bool = True
    library: str = ""
    """Path; empty: the script stands in the entry."""
    script: str = ""
    ae_titles: list[str] = field(default_factory=list)
    written_title: str = ""
    """The one of them that was written and not ticked."""
    on_error: str = "skip"
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any]) -> EntryForm:
        return cls(
            description=entry["description"],
            enabled=entry["enabled"],
            library=entry.get("library", ""),
            script=entry.get("script", ""),
            ae_titles=list(entry["ae_titles"]),
            on_error=entry["on_error"],
            rows=rows_of(entry["conditions"]),
        )

    @classmethod
    def of_post(cls, posted: QueryDict) -> EntryForm:
        titles = [title.strip() for title in posted.getlist("ae_titles")]
        return cls(
            description=posted.get("description", "").strip()[:200],
            enabled="enabled" in posted,
            library=posted.get("library", ""),
            script=unix_lines(posted.get("script", "")),
            ae_titles=list(dict.fromkeys(filter(None, titles))),
            # Its field stands behind the boxes.
            written_title=titles[-1] if titles else "",
            on_error="fail" if posted.get("on_error") == "fail" else "skip",
            rows=posted_rows(posted),
        )

    def entry(self, key: str) -> dict[str, Any]:
        """The entry as a draft holds it."""
        source = {"library": self.library} if self.library else {"script": self.script}
        return {
            "key": key,
            "description": self.description,
            "enabled": self.enabled,
            **source,
            "conditions": conditions_of(self.rows),
            "ae_titles": self.ae_titles,
            "on_error": self.on_error,
        }

    def check(self, libraries: Mapping[str, str], ae_titles: Sequence[str]) -> bool:
        """Is it fit for a draft?  A script that does not compile is: one may stop in the middle of a line."""
        faults = list(entry_faults(self.entry(""), libraries, ae_titles))
        self.faults = [fault for fault in faults if fault.line is None]
        if too_many := too_many_rows(self.rows):
            self.faults.append(Fault(self.description, None, too_many))
        return not self.faults

    def rows_with_spare(self) -> list[Row]:
        return [*self.rows, *[Row()] * _SPARE_ROWS]

    def too_many(self) -> str:
        return too_many_rows(self.rows)


def rows_of(conditions: Sequence[Mapping[str, Any]], level: int = 0) -> list[Row]:
    """Nested conditions as flat rows, each after the one it stands in."""
    rows = []
    for condition in conditions:
        inside = rows_of(condition["sequence_items"], level + 1)
        columns = (condition["tag"], condition["match_expression"], condition["search"])
        rows += [Row(level, *columns, condition["private_tag_creator"], bool(inside)), *inside]
    return rows


def too_many_rows(rows: Sequence[Row]) -> str:
    """What a page says instead of saving some of them; empty: nothing."""
    if len(rows) <= MOST_ROWS:
        return ""
    return f"{len(rows)} conditions: a page saves at most {MOST_ROWS}; split the entry, or import it in lua.yml"


def posted_rows(posted: QueryDict) -> list[Row]:
    """The rows of a form, without those that are empty; a row is at most one level deeper than the one above it."""
    names = ("level", "tag", "match_expression", "search", "private_tag_creator")
    found: list[Row] = []
    for level, tag, expression, search, creator in zip(*(posted.getlist(f"c_{name}") for name in names), strict=False):
        if not (tag.strip() or expression or creator.strip()):
            continue
        deepest = found[-1].level + 1 if found else 0
        depth = min(int(level) if level.isdecimal() and len(level) < 4 else 0, deepest)
        found.append(Row(depth, tag.strip(), expression, search == "all", creator.strip()))
    return [
        Row(row.level, row.tag, row.match_expression, row.search, row.private_tag_creator, after.level > row.level)
        for row, after in zip(found, [*found[1:], Row()], strict=False)
    ]


def conditions_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Flat rows as nested conditions."""
    top: list[dict[str, Any]] = []
    open_lists = [top]
    for row in rows:
        condition = {
            "tag": row.tag,
            "match_expression": row.match_expression,
            "search": row.search,
            "sequence_items": [],
            "private_tag_creator": row.private_tag_creator,
        }
        del open_lists[row.level + 1 :]
        open_lists[-1].append(condition)
        open_lists.append(condition["sequence_items"])  # type: ignore[arg-type]
    return top

"""Make a collection the active scripts, in one transaction, and keep who did it and why."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

from django.db import transaction

from scripts_app import loader
from scripts_app.core.collection import Collection
from scripts_app.core.conditions.condition import Condition
from scripts_app.core.script_content import condition_from_content, condition_to_content
from scripts_app.models import Activation, EntryCondition, LuaEntry, LuaLibrary, ScriptVersion
from scripts_app.revision import as_of_one_moment, hold

MOST_REASON = 500
"""Characters that are kept of why scripts became active."""


def stored_collection() -> Collection:
    """The active entries, disabled ones too, and libraries, all as of one moment."""
    return as_of_one_moment(_load)


def _load() -> Collection:
    rows = LuaEntry.objects.select_related("library").prefetch_related("conditions")
    return {
        "entries": [
            {
                "key": row.key,
                "description": row.description,
                "enabled": row.enabled,
                **({"library": row.library.path} if row.library else {"script": row.script}),
                "conditions": [
                    condition_to_content(condition) for condition in loader.conditions_of(list(row.conditions.all()))
                ],
                "ae_titles": list(row.ae_titles),
                "on_error": row.on_error,
            }
            for row in rows
        ],
        "libraries": dict(LuaLibrary.objects.values_list("path", "source")),
    }


@transaction.atomic
def activate(collection: Collection, actor: str, reason: str) -> Activation:
    """Write the rows that workers read; those that stay the same keep their identity and their time of change."""
    hold()
    before = stored_collection()
    if not Activation.objects.exists():
        _note("", "before the first activation", before)
    _write(before, collection)
    return _note(actor, reason, stored_collection())


@transaction.atomic
def note_activation(actor: str, reason: str) -> Activation | None:
    """After the rows were changed by other ways (import, admin): keep that; None when nothing has changed."""
    now = stored_collection()
    last = Activation.objects.first()
    return None if last and last.content == now else _note(actor, reason, now)


def despite(reason: str, tests: Sequence[str]) -> str:
    """The reason with the tests that fail all the same; without room for both it is the reason that is cut."""
    names = shorten(", ".join(tests), 200, placeholder=" …")
    note = f" (despite failing tests: {names})"
    return f"{reason[: MOST_REASON - len(note)]}{note}"


def last_activation() -> Activation | None:
    return Activation.objects.select_related("version").first()


def _note(actor: str, reason: str, content: Collection) -> Activation:
    version = ScriptVersion.objects.get(pk=loader.current().version or 0)
    return Activation.objects.create(version=version, content=content, actor=actor, reason=reason[:MOST_REASON])


def _write(before: Collection, wanted: Collection) -> None:
    for path, source in wanted["libraries"].items():
        if before["libraries"].get(path) != source:
            LuaLibrary.objects.update_or_create(path=path, defaults={"source": source})
    libraries = {library.path: library for library in LuaLibrary.objects.all()}
    old = {entry["key"]: entry for entry in before["entries"]}
    rows = {row.key: row for row in LuaEntry.objects.all()}
    for position, entry in enumerate(wanted["entries"], start=1):
        row = rows.pop(entry["key"], None)
        if row is None or old.get(entry["key"]) != entry or row.position != position:
            _write_entry(row or LuaEntry(draft_key=entry["key"]), entry, position, libraries)
    for row in rows.values():
        row.delete()
    # Last: an entry that still named the file would forbid it.
    LuaLibrary.objects.exclude(path__in=wanted["libraries"]).delete()


def _write_entry(row: LuaEntry, entry: dict[str, Any], position: int, libraries: dict[str, LuaLibrary]) -> None:
    row.position, row.description, row.enabled = position, entry["description"], entry["enabled"]
    row.script, row.library = entry.get("script", ""), libraries[entry["library"]] if "library" in entry else None
    row.ae_titles, row.on_error = list(entry["ae_titles"]), entry["on_error"]
    row.save()
    row.conditions.all().delete()
    write_conditions(row, [condition_from_content(condition) for condition in entry["conditions"]])


def write_conditions(entry: LuaEntry, conditions: Sequence[Condition], parent: EntryCondition | None = None) -> None:
    """Rows for these, in their order."""
    for position, condition in enumerate(conditions, start=1):
        row = EntryCondition.objects.create(
            entry=entry,
            parent=parent,
            position=position,
            tag=condition.tag,
            match_expression=condition.match_expression,
            search=condition.search,
            private_tag_creator=condition.private_tag_creator,
        )
        write_conditions(entry, condition.sequence_items, row)

"""The only bridge from stored rows, or a configuration directory, to the plain set of scripts that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts_app.configuration.directory import read_directory
from scripts_app.core.conditions.condition import Condition
from scripts_app.core.ports import Entry, ScriptSet
from scripts_app.core.script_content import fingerprint, from_content, inline_chunk, to_content
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary, ScriptVersion
from scripts_app.revision import as_of_one_moment, revision


def current() -> ScriptSet:
    """The active set with the id of its stored version (made when it is new)."""
    return stored_version(active())


def active() -> ScriptSet:
    """The enabled entries in order and all libraries; nothing is written."""
    return as_of_one_moment(_load)


def from_directory(path: Path) -> ScriptSet:
    """
    The scripts of a configuration directory (lua.yml and its .lua files), without the database.

    scripts_app.configuration.problem.ConfigurationError lists everything that
    is wrong in it, each with file and line.
    """
    return read_directory(path).script_set()


def from_version(version: ScriptVersion) -> ScriptSet:
    """The scripts as they were when ``version`` was made."""
    return from_content(version.content, version.id)


def stored_version(scripts: ScriptSet) -> ScriptSet:
    """The same set with the id of its version, whose row is made when no one has met this content before."""
    content = to_content(scripts)
    # Two workers may meet new content at once: the unique fingerprint lets one of them make the row.
    version, _ = ScriptVersion.objects.get_or_create(sha256=fingerprint(content), defaults={"content": content})
    return ScriptSet(scripts.entries, scripts.libraries, version.id)


class ScriptCache:
    """The current set for one worker, loaded again only after something has changed; not shared between threads."""

    def __init__(self) -> None:
        self._revision: int | None = None
        self._scripts = ScriptSet((), {})

    def get(self) -> ScriptSet:
        """The current set; one indexed query when nothing has changed."""
        now = revision()
        if now != self._revision:
            # The number is read first: a change while loading then leads to one more load, never to a missed one.
            self._scripts = current()
            self._revision = now
        return self._scripts


def conditions_of(rows: Sequence[EntryCondition]) -> tuple[Condition, ...]:
    """The rows of one entry as nested plain conditions, in order."""
    children: dict[int | None, list[EntryCondition]] = {}
    for row in rows:
        children.setdefault(row.parent_id, []).append(row)

    def below(parent_id: int | None) -> tuple[Condition, ...]:
        return tuple(
            Condition(
                tag=row.tag,
                match_expression=row.match_expression,
                search=row.search,
                sequence_items=below(row.id),
                private_tag_creator=row.private_tag_creator,
            )
            for row in children.get(parent_id, ())
        )

    return below(None)


def _load() -> ScriptSet:
    libraries: Mapping[str, str] = dict(LuaLibrary.objects.values_list("path", "source"))
    rows = LuaEntry.objects.filter(enabled=True).select_related("library").prefetch_related("conditions")
    return ScriptSet(
        tuple(
            Entry(
                number=number,
                description=row.description,
                script=row.library.source if row.library else row.script,
                chunk=row.library.path if row.library else inline_chunk(number),
                conditions=conditions_of(list(row.conditions.all())),
                ae_titles=tuple(row.ae_titles),
                on_error=row.on_error,
            )
            for number, row in enumerate(rows, start=1)
        ),
        libraries,
    )

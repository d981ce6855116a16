"""Read a whole configuration directory: all that it says, and all that is wrong in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from routing.configuration import config_yml, nodes_yml, senders_yml
from routing.configuration.local_times import local_times
from routing.configuration.missing_includes import missing_includes
from routing.configuration.nodes_yml import WrittenNode
from routing.configuration.route_targets import unknown_targets
from routing.configuration.senders_yml import WrittenSender
from routing.core.ae_title import KnownTitle, TitleBook
from routing.nodes.titles import title_book
from scripts_app.configuration import lua_yml
from scripts_app.configuration.directory import read_directory
from scripts_app.configuration.files import read_text
from scripts_app.configuration.lua_yml import WrittenEntry
from scripts_app.configuration.problem import ConfigurationError, Problem
from scripts_app.configuration.yaml_file import YamlFile
from scripts_app.core.conditions.condition import Condition
from scripts_app.core.nearest import did_you_mean
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary

NOT_HANDLED = ("routings.yml", "mutations.yml", "sortings.yml", "worklist.yml", "nodes.xml")
"""Files of the product that have no counterpart yet."""


@dataclass(frozen=True, slots=True)
class Desired:
    """What is to be there after the import; None: the directory does not speak of it, so it stays as it is."""

    nodes: tuple[WrittenNode, ...] | None
    senders: tuple[WrittenSender, ...] | None
    entries: tuple[WrittenEntry, ...] | None
    libraries: Mapping[str, str] | None
    notes: tuple[str, ...]


def read_configuration(root: Path, settings: Any, *, as_it_was: bool = False) -> Desired:
    """
    Read ``root``; ConfigurationError lists every mistake in it, and then nothing may be used.

    ``settings`` is capacitor_web's Environment.  ``as_it_was``: the router
    wrote the directory itself and is to be again what it was; that a node is
    gone for which an entry ran is no mistake then, for it ran no more.
    """
    scripts = read_directory(root)
    problems, notes = list(scripts.problems), list(scripts.notes)

    nodes = None
    if (text := read_text(root, nodes_yml.FILE, problems)) is not None:
        nodes = nodes_yml.read_nodes(text, YamlFile(nodes_yml.FILE, problems), notes, settings.ae_title)
    senders = None
    if (text := read_text(root, senders_yml.FILE, problems)) is not None:
        senders = senders_yml.read_senders(text, YamlFile(senders_yml.FILE, problems))
    lua_is_on = True
    if (text := read_text(root, config_yml.FILE, problems)) is not None:
        lua_is_on = config_yml.read_config(text, YamlFile(config_yml.FILE, problems), notes, settings)
    elif nodes is None and senders is None and scripts.entries is None and not problems:
        problems.append(Problem(str(root), None, "has none of config.yml, nodes.yml, senders.yml and lua.yml"))

    entries = scripts.entries
    if entries is not None and nodes is not None:
        entries = _by_short_titles(entries, nodes)
    wrong, noted = _checked(nodes, entries, scripts.libraries, settings, as_it_was=as_it_was)
    problems += wrong
    notes += noted
    problems = list(dict.fromkeys(problems))
    if problems:
        raise ConfigurationError(sorted(problems, key=lambda p: (p.file, p.line or 0)))

    for name in NOT_HANDLED:
        if (root / name).exists():
            notes.append(f"{name} is not handled: left out")
    for name, part in ((nodes_yml.FILE, nodes), (lua_yml.FILE, entries)):
        if part is None:
            notes.append(f"{name} is missing: what it would say stays as it is")
    if entries is not None and not lua_is_on:
        entries = tuple(replace(entry, enabled=False) for entry in entries)
    return Desired(nodes, senders, entries, None if entries is None else scripts.libraries, tuple(notes))


def _checked(
    nodes: tuple[WrittenNode, ...] | None,
    entries: tuple[WrittenEntry, ...] | None,
    libraries: Mapping[str, str],
    settings: Any,
    *,
    as_it_was: bool,
) -> tuple[list[Problem], list[str]]:
    """What is wrong in nodes and scripts that could be read, seen together, and what is to be noted of them."""
    book = book_after(nodes, settings)
    destinations = {*book.titles().values(), settings.ae_title}
    unknown = [problem for entry in entries or () for problem in _unknown_titles(entry, destinations)]
    problems = [] if as_it_was else unknown
    notes = [str(problem) for problem in unknown] if as_it_was else []
    for entry in entries or ():
        problems += _too_long(entry)
    notes += map(str, unknown_targets(entries or (), libraries, book))
    notes += map(str, missing_includes(entries or (), libraries))
    notes += local_times(nodes or (), entries or (), libraries, settings.time_zone)
    for path in libraries:
        problems += _violations(LuaLibrary(path=path), lua_yml.FILE, None, exclude=["source"])
    return problems, notes


def _by_short_titles(entries: Iterable[WrittenEntry], nodes: Iterable[WrittenNode]) -> tuple[WrittenEntry, ...]:
    """The entries with the AE titles that nodes with too long ones have from now on."""
    short = {node.long_title: node.values["ae_title"] for node in nodes if node.long_title}
    return tuple(
        replace(entry, ae_titles=tuple(short.get(title, title) for title in entry.ae_titles)) for entry in entries
    )


def book_after(nodes: Iterable[WrittenNode] | None, settings: Any) -> TitleBook:
    """What every AE title will mean after the import."""
    if nodes is None:
        return title_book()
    values = [node.values for node in nodes if node.for_storage]
    known = [KnownTitle(0, one["ae_title"], tuple(one["aliases"]), one["enabled"]) for one in values]
    return TitleBook(known, settings.ae_title, settings.ae_title_prefix)


def _unknown_titles(entry: WrittenEntry, titles: set[str]) -> list[Problem]:
    return [
        Problem(lua_yml.FILE, line, f"AeTitles names {title!r}, which is no Storage node{did_you_mean(title, titles)}")
        for title, line in zip(entry.ae_titles, entry.ae_title_lines, strict=True)
        if title not in titles
    ]


def _too_long(entry: WrittenEntry) -> list[Problem]:
    """What the tables cannot hold."""
    row = LuaEntry(description=entry.description)
    found = _violations(row, lua_yml.FILE, entry.line, exclude=["script", "ae_titles", "on_error"])

    def look(condition: Condition) -> None:
        row = EntryCondition(
            tag=condition.tag,
            match_expression=condition.match_expression,
            private_tag_creator=condition.private_tag_creator,
        )
        # A tag that is missing has been reported by its own name.
        found.extend(_violations(row, lua_yml.FILE, entry.line, exclude=["entry"] + ["tag"] * (not condition.tag)))
        for inner in condition.sequence_items:
            look(inner)

    for condition in entry.conditions:
        look(condition)
    return found


def _violations(row: Model, file: str, line: int | None, *, exclude: list[str]) -> list[Problem]:
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as error:
        return [
            Problem(file, line, f"{column.replace('_', ' ')}: {messages[0]}")
            for column, messages in error.message_dict.items()
        ]
    return []

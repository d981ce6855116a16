"""Write nodes, senders and scripts as a configuration directory: stable, so that exports can be compared by line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings

from routing.configuration import config_yml, nodes_yml, senders_yml
from routing.configuration.node_keys import KEYS, values_of
from routing.configuration.plan import stored_entries, written_entry
from routing.models import KnownSender, Node
from routing.spool.write_out import sync_file
from scripts_app.configuration import lua_yml
from scripts_app.configuration.files import leaves, read_libraries
from scripts_app.configuration.lua_yml import WrittenEntry
from scripts_app.configuration.problem import ConfigurationError, Problem
from scripts_app.configuration.yaml_text import block, dump
from scripts_app.core.conditions.condition import Condition
from scripts_app.models import LuaLibrary

_ALWAYS = ("ae_title", "host", "port", "role")
"""Columns that are written even when they hold their default."""


def export_directory(root: Path, *, prune: bool = False) -> list[str]:
    """
    Write the configuration below ``root``; answer what was written or removed, one line each.

    Files that hold the right text already are not touched.  A .lua file that is
    not part of the configuration would come back with the next import: with
    ``prune`` it is removed, otherwise ConfigurationError names it and nothing is
    written.
    """
    files = export_files()
    root.mkdir(parents=True, exist_ok=True)
    problems: list[Problem] = []
    foreign = sorted(set(read_libraries(root, problems)) - set(files))
    problems += [
        Problem(name, None, "leads out of the directory through a link") for name in files if leaves(root, root / name)
    ]
    if not prune:
        problems += [
            Problem(name, None, "is not part of the configuration; remove it, or use --prune") for name in foreign
        ]
    if problems:
        raise ConfigurationError(problems)
    done = []
    for name in foreign:
        (root / name).unlink()
        done.append(f"removed {name}")
    for name, text in files.items():
        path = root / name
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, text)
        done.append(f"wrote {name}")
    return done


def _put(path: Path, text: str) -> None:
    """
    Write a file whole or not at all, be it for want of room, by a kill or a power cut.

    An empty nodes.yml would say that there is to be no node.
    """
    # A link may stand for another file of the directory, which is written then.
    path = path.resolve()
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_bytes(text.encode())
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        sync_file(draft)
        draft.rename(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        # What fails in the middle of a file does not know its name.
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error


def export_files() -> dict[str, str]:
    """The whole configuration as text, by relative path."""
    return {
        config_yml.FILE: config_text(settings.CAPACITOR),
        nodes_yml.FILE: nodes_text(Node.objects.all()),
        senders_yml.FILE: senders_yml.senders_text(KnownSender.objects.all()),
        lua_yml.FILE: lua_text(map(written_entry, stored_entries())),
        **dict(LuaLibrary.objects.values_list("path", "source")),
    }


def config_text(current: object) -> str:
    """config.yml: the filter, and the settings that differ from the product's defaults."""
    values: dict[str, Any] = {"filters": "lua"}
    for name, counterpart in config_yml.COUNTERPARTS.items():
        value = getattr(current, counterpart.attribute)
        written = str(value).casefold() if isinstance(value, bool) else str(value)
        if written != counterpart.product_default:
            values[name] = value
    return dump(values, "The filter that runs. The settings below it are read from the environment, not from here.")


def nodes_text(nodes: Iterable[Node]) -> str:
    """nodes.yml: for every node what differs from the defaults."""
    written = []
    for node in nodes:
        values = values_of(node)
        written.append(
            {
                key.name: list(values[key.column]) if isinstance(values[key.column], list) else values[key.column]
                for key in KEYS
                if key.column in _ALWAYS or values[key.column] != key.default
            }
        )
    return dump(written, "Nodes; what is not written has its default.")


def lua_text(entries: Iterable[WrittenEntry]) -> str:
    """lua.yml: the entries in the order in which they run."""
    written = []
    for entry in entries:
        keys: dict[str, Any] = {"Description": entry.description} if entry.description else {}
        keys["Script"] = entry.library or (block(entry.script) if "\n" in entry.script else entry.script)
        if entry.conditions:
            keys["Conditions"] = [_condition(condition) for condition in entry.conditions]
        if entry.ae_titles:
            keys["AeTitles"] = list(entry.ae_titles)
        if entry.on_error != "skip":
            keys["OnError"] = entry.on_error
        if not entry.enabled:
            keys["Enabled"] = False
        written.append(keys)
    return dump(written, "Entries of the Lua filter, in the order in which they run.")


def _condition(condition: Condition) -> dict[str, Any]:
    keys: dict[str, Any] = {"Tag": condition.tag}
    if condition.private_tag_creator:
        keys["PrivateTagCreator"] = condition.private_tag_creator
    if condition.match_expression:
        keys["MatchExpression"] = condition.match_expression
    if condition.search:
        keys["Search"] = True
    if condition.sequence_items:
        keys["SequenceItems"] = [_condition(inner) for inner in condition.sequence_items]
    return keys

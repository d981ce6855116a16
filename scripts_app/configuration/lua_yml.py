"""Read lua.yml: the entries of the Lua filter as the author wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ruamel.yaml.nodes import Node

from scripts_app.configuration.yaml_file import YamlFile, first_line_of_text, line_of
from scripts_app.core.conditions.check import check_condition
from scripts_app.core.conditions.condition import Condition
from scripts_app.core.library_path import IllegalPath, checked_path
from scripts_app.core.nearest import did_you_mean
from scripts_app.models import EntryCondition, LuaEntry, overlong

FILE = "lua.yml"
ENTRY_KEYS = ("Description", "Script", "Affects", "Conditions", "AeTitles", "OnError", "Enabled")
"""Those of the Lua filter page, and Enabled, which is this router's own."""
CONDITION_KEYS = ("Tag", "MatchTag", "MatchExpression", "Search", "SequenceItems", "PrivateTagCreator", "Log")
QUERY_PHASES = ("worklist_query", "worklist_result", "qr_find_query", "qr_find_result")
AFFECTS = ("storage", *QUERY_PHASES)


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """One entry; exactly one of ``script`` and ``library`` is not empty."""

    description: str
    script: str
    """Inline Lua."""
    library: str
    """Or the path of a .lua file."""
    conditions: tuple[Condition, ...] = ()
    ae_titles: tuple[str, ...] = ()
    on_error: str = "skip"
    enabled: bool = True
    line: int | None = field(default=None, compare=False)
    script_line: int | None = field(default=None, compare=False)
    ae_title_lines: tuple[int, ...] = field(default=(), compare=False)


def read_entries(text: str, libraries: Mapping[str, str], file: YamlFile, notes: list[str]) -> tuple[WrittenEntry, ...]:
    """
    The entries in order; mistakes go to ``file``, entries for queries (which are left out) to ``notes``.

    ``libraries`` are the .lua files that a Script may name.
    """
    entries = []
    for node in file.items(file.parse(text), "lua.yml"):
        keys = file.keys(node, ENTRY_KEYS, "an entry")
        description = file.text(keys.get("Description"), "Description").strip()
        for problem in overlong(LuaEntry, "description", "Description", description):
            file.report(keys["Description"], problem)
        if not _for_storage(keys.get("Affects"), file):
            name = f" {description!r}" if description else ""
            notes.append(f"{FILE}:{line_of(node)}: the entry{name} affects queries, which are not handled: left out")
            continue
        script, library = _script(keys.get("Script"), node, libraries, file)
        titles = file.items(keys.get("AeTitles"), "AeTitles")
        entries.append(
            WrittenEntry(
                description=description,
                script=script,
                library=library,
                conditions=_conditions(keys.get("Conditions"), "Conditions", file),
                ae_titles=tuple(file.text(title, "an item of AeTitles").strip(" ") for title in titles),
                on_error=file.choice(keys.get("OnError"), "OnError", ("skip", "fail"), "skip"),
                enabled=file.flag(keys.get("Enabled"), "Enabled", default=True),
                line=line_of(node),
                script_line=first_line_of_text(keys["Script"]) if "Script" in keys else None,
                ae_title_lines=tuple(map(line_of, titles)),
            )
        )
    return tuple(entries)


def names_a_file(script: str) -> bool:
    """Whether a Script is the path of a file: one line that ends in .lua."""
    return "\n" not in script.strip() and script.strip().endswith(".lua")


def _script(node: Node | None, entry: Node, libraries: Mapping[str, str], file: YamlFile) -> tuple[str, str]:
    """Inline source and library path, one of them empty."""
    text = file.text(node, "Script")
    if node is None or not text.strip():
        file.report(node or entry, "an entry needs a Script: Lua code, or the path of a .lua file")
        return "", ""
    if not names_a_file(text):
        return text, ""
    try:
        path = checked_path(text.strip())
    except IllegalPath as error:
        file.report(node, f"Script {error}")
        return "", ""
    if path not in libraries:
        file.report(node, f"Script {path!r} is not in the configuration directory{did_you_mean(path, libraries)}")
        return "", ""
    return "", path


def _for_storage(node: Node | None, file: YamlFile) -> bool:
    """Whether the entry is for images; a mistake counts as yes, so that the rest of the entry is checked as well."""
    if node is None:
        return True
    # The page writes a list; a single word is what people try first.
    phases = [node] if not hasattr(node.value, "append") else file.items(node, "Affects")
    named = {file.choice(phase, "Affects", AFFECTS, "storage") for phase in phases} or {"storage"}
    if len(named) > 1:
        file.report(node, "Affects names several phases; an entry has one: write an entry for each")
        return True
    return named == {"storage"}


def _conditions(node: Node | None, what: str, file: YamlFile) -> tuple[Condition, ...]:
    conditions = []
    for item in file.items(node, what):
        condition = _condition(item, file)
        conditions.append(condition)
        if what == "Conditions":
            for problem in (*check_condition(condition), *EntryCondition.overlong(condition)):
                file.report(item, f"Condition {problem}")
    return tuple(conditions)


def _condition(node: Node, file: YamlFile) -> Condition:
    keys = file.keys(node, CONDITION_KEYS, "a condition")
    if "Tag" in keys and "MatchTag" in keys:
        file.report(keys["MatchTag"], "MatchTag is the old name of Tag; a condition has one of them")
    # The level of a start-up message of the product; read so that a misspelt one is told, and not kept.
    file.choice(keys.get("Log"), "Log", ("debug", "info"), "info")
    return Condition(
        tag=file.text(keys.get("Tag", keys.get("MatchTag")), "Tag").strip(),
        match_expression=file.text(keys.get("MatchExpression"), "MatchExpression"),
        search=file.flag(keys.get("Search"), "Search", default=False),
        sequence_items=_conditions(keys.get("SequenceItems"), "SequenceItems", file),
        private_tag_creator=file.text(keys.get("PrivateTagCreator"), "PrivateTagCreator"),
    )

"""All entries, disabled ones too, and all libraries as JSON values: what a draft and an activation hold."""

from __future__ import annotations

import copy
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts_app.core.ports import ScriptSet
from scripts_app.core.script_content import from_content, to_content

Collection = dict[str, Any]
"""``{"entries": [...], "libraries": {path: source}}``; entries as in script_content, with ``key`` and ``enabled``."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry or library file that is not the same in two collections, as text for people."""

    kind: str
    """added, changed, removed or order."""
    title: str
    old: str
    new: str


def entry_of(collection: Collection, key: str) -> dict[str, Any] | None:
    return next((entry for entry in collection["entries"] if entry["key"] == key), None)


def script_set(collection: Collection) -> ScriptSet:
    """What would run: the enabled entries, whose libraries must be there."""
    enabled = [entry for entry in collection["entries"] if entry["enabled"]]
    return from_content({"entries": enabled, "libraries": collection["libraries"]})


def collection_of(scripts: ScriptSet) -> Collection:
    """A set of scripts as a collection; all its entries are enabled."""
    content = to_content(scripts)
    entries = [
        {**entry, "key": str(number), "enabled": True} for number, entry in enumerate(content["entries"], start=1)
    ]
    return {**content, "entries": entries}


def addressed(collection: Collection, titles: Mapping[str, str]) -> Collection:
    """The same, for the nodes as they are called now; ``titles``: what a title or alias means, as after a renaming."""
    entries = [
        {**entry, "ae_titles": list(dict.fromkeys(titles.get(title, title) for title in entry["ae_titles"]))}
        for entry in collection["entries"]
    ]
    return {**collection, "entries": entries}


def titles_gone(collection: Collection, known: Container[str]) -> list[str]:
    """AE titles that entries are for and that are none of those ``known``, in order."""
    return sorted({title for entry in collection["entries"] for title in entry["ae_titles"] if title not in known})


def without_titles(collection: Collection, gone: Container[str]) -> tuple[Collection, list[str], list[str]]:
    """
    The same for those nodes that are still there; then what people call the entries that stay and those left out.

    An entry that was for none but those is left out: without a title it would
    run for every image.
    """
    kept, shortened, left_out = [], [], []
    for entry in collection["entries"]:
        titles = [title for title in entry["ae_titles"] if title not in gone]
        if entry["ae_titles"] and not titles:
            left_out.append(title_of(entry))
            continue
        if titles != entry["ae_titles"]:
            shortened.append(title_of(entry))
        kept.append({**entry, "ae_titles": titles})
    return {**collection, "entries": kept}, shortened, left_out


def title_of(entry: Mapping[str, Any]) -> str:
    """What people call an entry: its description, else its file, else its first line."""
    lines = str(entry.get("script", "")).strip().splitlines()
    return str(entry["description"] or entry.get("library") or (lines[0][:60] if lines else "(empty)"))


def as_text(entry: Mapping[str, Any]) -> str:
    """The whole entry line by line, for comparing two of them."""
    lines = [f"Description: {entry['description']}", f"Enabled: {'yes' if entry['enabled'] else 'no'}"]
    lines.append(f"AeTitles: {', '.join(entry['ae_titles']) or 'all'}")
    lines.append(f"OnError: {entry['on_error']}")
    lines += [f"Condition: {line}" for line in _conditions(entry["conditions"])]
    script = [f"Script: {entry['library']}"] if "library" in entry else ["Script:", *entry["script"].splitlines()]
    return "\n".join(lines + script)


def _conditions(conditions: list[dict[str, Any]], depth: int = 0) -> Iterator[str]:
    for condition in conditions:
        marks = [f"matches {condition['match_expression']}"] if condition["match_expression"] else []
        marks += ["in all sequences"] if condition["search"] else []
        marks += [f"creator {condition['private_tag_creator']}"] if condition["private_tag_creator"] else []
        yield "  " * depth + " ".join([condition["tag"], *marks])
        yield from _conditions(condition["sequence_items"], depth + 1)


def differences(old: Collection, new: Collection) -> list[Difference]:
    """Every entry and file that differs, in the new order; the order itself last."""
    before = {entry["key"]: entry for entry in old["entries"]}
    after = {entry["key"]: entry for entry in new["entries"]}
    found = []
    for key in [*after, *(key for key in before if key not in after)]:
        was, now = before.get(key), after.get(key)
        if was != now:
            texts = as_text(was) if was else "", as_text(now) if now else ""
            found.append(Difference(_kind(was, now), title_of(now or was or {}), *texts))
    for path in sorted({*old["libraries"], *new["libraries"]}):
        was, now = old["libraries"].get(path), new["libraries"].get(path)
        if was != now:
            found.append(Difference(_kind(was, now), path, was or "", now or ""))
    if _moved(before, after):
        found.append(_orders(old, new))
    return found


def _orders(old: Collection, new: Collection) -> Difference:
    titles = ("\n".join(map(title_of, side["entries"])) for side in (old, new))
    return Difference("order", "Order of the entries", *titles)


def _kind(was: Any, now: Any) -> str:
    return "added" if was is None else "removed" if now is None else "changed"


def merged(base: Collection, mine: Collection, theirs: Collection) -> tuple[Collection, list[Difference]]:
    """
    Mine with what they changed since the base; what both changed stays mine and is told.

    In a difference told, ``old`` is their text and ``new`` is mine.
    """
    both: list[Difference] = []
    was, ours, others = ({entry["key"]: entry for entry in side["entries"]} for side in (base, mine, theirs))
    entries = _merged_parts(was, ours, others, both, as_text, title_of)
    libraries = _merged_parts(base["libraries"], mine["libraries"], theirs["libraries"], both, str, None)
    theirs_moved, mine_moved = _moved(was, others), _moved(was, ours)
    # They have another order and mine is still that of the base: theirs leads.
    leading, other = (others, ours) if theirs_moved and not mine_moved else (ours, others)
    if theirs_moved and mine_moved and _moved(others, ours):
        both.append(_orders(theirs, mine))
    order = [key for key in {**leading, **other} if key in entries]
    return copy.deepcopy({"entries": [entries[key] for key in order], "libraries": libraries}), both


def _moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Do the parts that both have stand in another order?"""
    return [key for key in old if key in new] != [key for key in new if key in old]


def _merged_parts(
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    both: list[Difference],
    text: Any,
    title: Any,
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key in {**base, **theirs, **mine}:
        was, ours, others = base.get(key), mine.get(key), theirs.get(key)
        chosen = others if ours == was else ours
        if others not in (was, ours) and ours != was:
            name = title(ours or others) if title else key
            both.append(Difference("changed", name, text(others) if others else "", text(ours) if ours else ""))
        if chosen is not None:
            kept[key] = chosen
    return kept

"""A set of scripts as plain JSON and back, and the fingerprint that tells two sets apart."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from scripts_app.core.conditions.condition import Condition
from scripts_app.core.ports import Entry, ScriptSet


def to_content(scripts: ScriptSet) -> dict[str, Any]:
    """
    The set as JSON values: ``{"entries": [...], "libraries": {path: source}}``.

    An entry that is a library file names it under ``library`` and does not
    repeat its source.
    """
    entries = []
    for entry in scripts.entries:
        source = {"library": entry.chunk} if entry.chunk in scripts.libraries else {"script": entry.script}
        entries.append(
            {
                "description": entry.description,
                **source,
                "conditions": [condition_to_content(condition) for condition in entry.conditions],
                "ae_titles": list(entry.ae_titles),
                "on_error": entry.on_error,
            }
        )
    return {"entries": entries, "libraries": dict(sorted(scripts.libraries.items()))}


def from_content(content: Mapping[str, Any], version: int | None = None) -> ScriptSet:
    """The set that ``to_content`` described; entries are numbered from 1."""
    libraries = dict(content["libraries"])
    return ScriptSet(
        entries=tuple(
            Entry(
                number=number,
                description=entry["description"],
                script=libraries[entry["library"]] if "library" in entry else entry["script"],
                chunk=entry.get("library") or inline_chunk(number),
                conditions=tuple(map(condition_from_content, entry["conditions"])),
                ae_titles=tuple(entry["ae_titles"]),
                on_error=entry["on_error"],
            )
            for number, entry in enumerate(content["entries"], start=1)
        ),
        libraries=libraries,
        version=version,
    )


def inline_chunk(number: int) -> str:
    """The name that errors of an inline script carry."""
    return f"entry {number}"


def fingerprint(content: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON: sorted keys, no spaces, ASCII."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def condition_to_content(condition: Condition) -> dict[str, Any]:
    return {
        "tag": condition.tag,
        "match_expression": condition.match_expression,
        "search": condition.search,
        "sequence_items": [condition_to_content(inner) for inner in condition.sequence_items],
        "private_tag_creator": condition.private_tag_creator,
    }


def condition_from_content(content: Mapping[str, Any]) -> Condition:
    return Condition(
        tag=content["tag"],
        match_expression=content["match_expression"],
        search=content["search"],
        sequence_items=tuple(map(condition_from_content, content["sequence_items"])),
        private_tag_creator=content["private_tag_creator"],
    )

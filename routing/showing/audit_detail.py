"""The detail of an audit record in words, for pages and files."""

from __future__ import annotations

from typing import Any

from routing.people.sight import Sight

_IN_ORDER = ("verdict", "changes", "routes")
_SEVERAL = ("changes", "conditions", "steps")
"""Details of audit records that list things; two of them are no old and new value."""


def detail_of(detail: dict[str, Any], sight: Sight) -> list[tuple[str, str]]:
    """The detail of an audit record in words: (name, what it was and became); values as this person may see them."""
    told = []
    # PostgreSQL keeps no order of its own, and a script edits before its image leaves.
    for name, value in sorted(detail.items(), key=lambda pair: [pair[0] != early for early in _IN_ORDER]):
        if name in ("changes", "routes") and isinstance(value, list) and all(isinstance(part, dict) for part in value):
            told += [(f"entry {part.get('entry')}", _deed(part, sight)) for part in value]
        elif isinstance(value, list) and name in _SEVERAL:
            told.append((name, sight.value("; ".join(map(str, value)))))
        elif isinstance(value, list) and len(value) == 2:
            told.append((name, " → ".join(sight.value(part) or "nothing" for part in value)))
        else:
            told.append((name, str(value) if name == "verdict" else sight.value(value)))
    return told


def _deed(part: dict[str, Any], sight: Sight) -> str:
    """One edit or routing decision of a script."""
    if "path" not in part:
        return f"route:{part.get('operation')}({part.get('destination') or ''})"
    old, new = (sight.value(part.get(side)) or "nothing" for side in ("old", "new"))
    return f"{part.get('operation')} {part['path']} {part.get('keyword') or ''}: {old} → {new}"

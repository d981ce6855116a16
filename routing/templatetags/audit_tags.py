"""How pages tell the detail of audit records."""

from __future__ import annotations

from typing import Any

from django import template

from routing.core.counted import thousands
from routing.core.legible import legible
from routing.forms.merging import in_words
from routing.people.sight import Sight
from routing.showing.audit_detail import detail_of

register = template.Library()

_MOST_SHOWN = 100
"""Changes of one record on a page."""


@register.filter
def detail_shown(detail: dict[str, Any], sight: Sight) -> list[tuple[str, str]]:
    """As in the files of the log, but cut: many edits of many images would make the page endless."""
    changes = detail.get("changes")
    cut = len(changes) - _MOST_SHOWN if isinstance(changes, list) else 0
    if cut > 0:
        detail = detail | {"changes": detail["changes"][:_MOST_SHOWN]}
    told = [(name, legible(words)) for name, words in detail_of(detail, sight)]
    return [*told, ("…", f"{thousands(cut)} more changes, in the files of this log")] if cut > 0 else told


@register.filter
def node_changes(detail: dict[str, Any]) -> list[tuple[str, str]]:
    """Each field with its old and new value; a node's settings are no patient data."""
    told = dict(detail)
    # The admin's records keep the fields together.
    inner = told.pop("changes", None)
    told |= inner if isinstance(inner, dict) else {}
    return [
        (name.replace("_", " "), " → ".join(map(in_words, value)) if _is_change(value) else in_words(value))
        for name, value in told.items()
    ]


def _is_change(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2

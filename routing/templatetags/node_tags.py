"""How node pages show what somebody changed."""

from typing import Any

from django import template

from routing.forms.merging import in_words

register = template.Library()


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

"""Which scripts use a node: what is asked before somebody deletes it."""

from __future__ import annotations

from routing.configuration.route_targets import named_by
from routing.models import Node
from scripts_app.activation import stored_collection
from scripts_app.outside import outside


def uses_of(node: Node) -> list[str]:
    """Of the active scripts, disabled entries too, as parts of a sentence."""
    called = {title for title, meant in outside.called_titles().items() if meant == node.ae_title}
    return named_by(stored_collection(), {node.ae_title, *node.aliases, *called})

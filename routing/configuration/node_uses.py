"""Which scripts use a node: what is asked before somebody deletes it, and told when its AE title has changed."""

from __future__ import annotations

from django.conf import settings

from routing.configuration.route_targets import named_by
from routing.core.ae_title import Meaning
from routing.models import Node
from routing.nodes.titles import title_book
from scripts_app.activation import stored_collection
from scripts_app.outside import outside


def uses_of(node: Node) -> list[str]:
    """Of the active scripts, disabled entries too, as parts of a sentence."""
    called = {title for title, meant in outside.called_titles().items() if meant == node.ae_title}
    return named_by(stored_collection(), {node.ae_title, *node.aliases, *called})


def left_behind(before: str, node: Node) -> str:
    """
    What the AE title that a node had until now leaves behind, for whoever took it away; empty where it still leads on.

    To be asked after entries have followed the node: senders and the text of scripts do not.
    """
    if node.role != Node.Role.STORAGE or before in ("", node.ae_title):
        return ""
    if title_book().resolve(before).meaning is not Meaning.UNKNOWN:
        return ""
    sending = named_by(stored_collection(), {before, settings.CAPACITOR.ae_title_prefix + before})
    scripts = f" In vain from now on: {'; '.join(sending)}." if sending else ""
    return (
        f"Nothing is called {before} any more: senders that call it are refused.{scripts}"
        f" Give {node.ae_title} the alias {before} until they are changed."
    )

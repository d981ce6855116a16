"""What every called AE title means, by the nodes of the database (D1)."""

from __future__ import annotations

from django.conf import settings

from routing.core.ae_title import KnownTitle, TitleBook
from routing.core.title_conflicts import Conflict, conflicts
from routing.models import Node


def title_book(exclude: int | None = None) -> TitleBook:
    """What they mean right now; ``exclude``: without the node of this id, whose form asks."""
    return TitleBook(_known_titles(exclude), settings.CAPACITOR.ae_title, settings.CAPACITOR.ae_title_prefix)


def title_conflicts() -> list[Conflict]:
    """Called AE titles that more than one node should get; imported configurations may have them."""
    return conflicts(_known_titles(), settings.CAPACITOR.ae_title, settings.CAPACITOR.ae_title_prefix)


def _known_titles(exclude: int | None = None) -> list[KnownTitle]:
    nodes = Node.objects.filter(role=Node.Role.STORAGE)
    if exclude is not None:
        nodes = nodes.exclude(pk=exclude)
    return [KnownTitle(node.pk, node.ae_title, tuple(node.aliases), node.enabled) for node in nodes]

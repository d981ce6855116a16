"""How pages show where an item stands: its state, what can be done to it, and when it is tried next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone

from routing.core.states import QueueState
from routing.models import NodeStatus, QueueItem
from routing.nodes.gates import held_back, opens_at
from routing.selecting.offers import Offer, offers

register = template.Library()

_KEPT_WITH = {QueueState.PREPARED.value: "retrying"}


@register.inclusion_tag("_state_badge.html")
def state_badge(state: str, item: QueueItem | None = None) -> dict[str, Any]:
    """The state in words with its sign; an item that waits for another try says so."""
    retrying = item is not None and state in _KEPT_WITH and item.attempt_count > 0
    return {
        "state": state,
        "look": "retrying" if retrying else state.lower(),
        "held": bool(item and item.lease_owner),
        "retrying": retrying,
        "warning": bool(item and item.warning),
        "pending": item.pending_state if item else "",
    }


@register.filter
def offers_of(item: QueueItem) -> list[Offer]:
    """The buttons of an item."""
    return offers(item)


@register.filter
def held_until(item: QueueItem) -> datetime | None:
    """When a Prepared item is tried next: its own moment or its node's back-off, whichever is later; None when due."""
    status = NodeStatus.objects.filter(node=item.node_id, failures_in_a_row__gt=0)
    moments = [item.not_before, status.values_list("not_before", flat=True).first()]
    ahead = [moment for moment in moments if moment is not None and moment > timezone.now()]
    return max(ahead, default=None)


register.filter("held_back", held_back)
register.filter("opens_at", opens_at)

"""The event that brought items into the state they are in, for queries over many of them."""

from __future__ import annotations

from django.db.models import F, OuterRef, Q, Subquery

from routing.core.states import QueueEvent
from routing.models import HistoryEntry
from routing.queue.step_back import UNDONE

BY_PEOPLE: dict[str, str] = {
    QueueEvent.FAILED_BY_OPERATOR: "said that it has failed",
    QueueEvent.REJECTED_BY_OPERATOR: "rejected it",
    QueueEvent.DELETED_BY_OPERATOR: "deleted it: nothing is sent",
}
"""What a person decided, and how it is told of them."""


def led_by() -> Subquery:
    """
    For ``annotate``: the newest event that led to the item's state from another one, and was not taken back.

    A step back gives the item the moment of its state, too: what was taken back is younger than that.
    """
    led = HistoryEntry.objects.filter(item=OuterRef("pk"), to_state=OuterRef("state"), at__lte=OuterRef("updated_at"))
    led = led.exclude(Q(from_state=F("to_state")) | Q(event=UNDONE))
    return Subquery(led.order_by("-pk").values("event")[:1])

"""After a clock was set back: what waits for a moment further ahead than any delay reaches, waits no more."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from routing.core.states import QueueState
from routing.models import Node, NodeStatus, QueueItem

_MARGIN = timedelta(minutes=1)
"""Clocks of several hosts may differ by so much."""


def end_impossible_waits() -> int:
    """
    Make due what no retry delay, back-off or process delay can have put off so far; returns how many items.

    The moments were right when they were written; then the clock was set back,
    and an item that was to be tried in ten seconds would wait for an hour and ten seconds.
    """
    now = timezone.now()
    service = settings.CAPACITOR
    longest = now + timedelta(seconds=service.prepare_retry) + _MARGIN
    ended = QueueItem.objects.filter(state=QueueState.NEW, not_before__gt=longest).update(not_before=now)
    # Of thousands of nodes hardly one: to look costs a step of an index for each, to write a transaction.
    waits = QueueItem.objects.filter(state=QueueState.PREPARED, node=OuterRef("pk"), not_before__gt=now + _MARGIN)
    for node in Node.objects.filter(Exists(waits) | Q(status__not_before__gt=now + _MARGIN)):
        if node.too_large():
            continue
        back_off = timedelta(seconds=node.retry_limit * (1 + node.retry_jitter / 100))
        delay = timedelta(milliseconds=service.process_delay if node.process_delay is None else node.process_delay)
        NodeStatus.objects.filter(node=node, not_before__gt=now + back_off + _MARGIN).update(not_before=now)
        waiting = QueueItem.objects.filter(state=QueueState.PREPARED, node=node)
        ended += waiting.filter(not_before__gt=now + max(back_off, delay) + _MARGIN).update(not_before=now)
    return ended

"""Write what the couriers' reports mean, all of it in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from routing.database.rows import insert
from routing.engine.delivering.reports import Report
from routing.engine.delivering.settle import Settlement, settle
from routing.engine.nodes.status import record_news
from routing.models import Attempt, ItemLogLine, QueueItem
from routing.queue.record import carry_out_wishes, record

log = logging.getLogger("capacitor.deliver")

_ACTOR = "delivery"


def record_reports(reports: Iterable[Report], now: datetime, owner: str) -> Settlement:
    """Write what reports mean for items, attempts, item logs and nodes; what ``owner`` does not hold any more stays."""
    with transaction.atomic():
        done = settle(reports, now, unanswered_before)
        moved = record(done.moves, actor=_ACTOR, owner=owner)
        nodes = record_news(done.news.values(), now)
        for attempt in done.attempts:
            if attempt["node_id"] not in nodes:
                attempt["node_id"] = None
        insert(Attempt, [row for row in done.attempts if row["item_id"] in moved])
        insert(ItemLogLine, [row for row in done.log_lines if row["item_id"] in moved])
        if done.returned:
            _return(owner, done.returned)
    if lost := len(done.moves) - len(moved):
        log.warning("%d items were taken from this process before their results were recorded", lost)
    return done


def unanswered_before(item_id: int, node_id: int) -> bool:
    """Whether an item may have been sent to a node before, as it is now, without an answer."""
    # What was sent before it was last prepared may have been another image under the same UID.
    sent = Attempt.objects.filter(item_id=item_id, node_id=node_id, started_at__gte=F("item__prepared_at"))
    # An attempt that never got as far as sending has no transfer syntax.
    return sent.filter(status=None).exclude(transfer_syntax_uid="").exists()


def _return(owner: str, items: list[int]) -> None:
    """End the leases of items that were not tried, and carry out what operators wished for them meanwhile."""
    # Locked first: whoever wishes at this moment sees the lease, or that it has ended.
    held = list(
        QueueItem.objects.filter(pk__in=items, lease_owner=owner).select_for_update().values_list("pk", flat=True)
    )
    QueueItem.objects.filter(pk__in=held).update(lease_owner="", lease_until=None)
    carry_out_wishes(held)

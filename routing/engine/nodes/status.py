"""How a node is doing: what its couriers found out, its back-off, and who may try it again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from django.db import connection, models

from routing.database.rows import columns
from routing.engine.nodes.target import Target
from routing.models import Node, NodeOutage, NodeStatus

log = logging.getLogger("capacitor.deliver")

_PROBE = timedelta(minutes=2)
"""How long others leave a failing node to the worker that tries it."""
_AHEAD = timedelta(minutes=1)
"""What is later than now by more was noted before the clock was set back, and is not the newest that happened."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An association that could not be had, or that ended before anything was answered."""

    started_at: datetime
    text: str


@dataclass(slots=True)
class News:
    """What became of a node's items since the last time it was recorded."""

    target: Target
    delivered: int = 0
    failed: int = 0
    """Images that will not be tried again."""
    timed_out: int = 0
    last_error: str = ""
    ordeal: list[Failure | None] = field(default_factory=list)
    """In order: a failure, or None where the node answered."""


def record_news(news: Iterable[News], now: datetime) -> set[int]:
    """
    Bring the statuses up to date, inside the transaction that records the items; the nodes that still exist.

    An answer ends the back-off.  A failure prolongs it, unless its association
    was begun before the failure that is known already: when a node goes down,
    all of its couriers notice, and that is one failure.
    """
    by_node = {one.target.node_id: one for one in news}
    fine = {node_id for node_id, one in by_node.items() if _goes_on(node_id, one, now)}
    by_node = {node_id: one for node_id, one in by_node.items() if node_id not in fine}
    # Without their keys: what comes in for a node refers to that, and need not wait.
    nodes = Node.objects.select_for_update(no_key=True).filter(pk__in=by_node)
    known = list(nodes.order_by("pk").values_list("pk", flat=True))
    for node_id in known:
        one = by_node[node_id]
        status, _ = NodeStatus.objects.get_or_create(node_id=node_id)
        status.last_success_at = _passed(status.last_success_at, now)
        status.last_failure_at = _passed(status.last_failure_at, now)
        status.delivered += one.delivered
        status.failed += one.failed
        status.timed_out += one.timed_out
        if one.delivered:
            status.last_success_at = now
        if one.last_error:
            status.last_error = one.last_error
        for event in one.ordeal:
            _take_in(status, event, one.target, now)
        if one.last_error and not status.failures_in_a_row:
            # It answers, and did not take an image: no outage, but no success either.
            status.last_failure_at = now
        # The columns of the echo belong to whoever echoes.
        status.save(
            update_fields=(
                "delivered",
                "failed",
                "timed_out",
                "last_success_at",
                "last_error",
                "last_failure_at",
                "failures_in_a_row",
                "not_before",
            )
        )
    return fine | set(known)


def _goes_on(node_id: int, news: News, now: datetime) -> bool:
    """Whether the node does well and did so before: then there is nothing to decide, and one statement is enough."""
    if not news.delivered or news.last_error or any(news.ordeal):
        return False
    moment = columns(NodeStatus)["last_success_at"].value
    # Prepared once by the database's driver, where Django would build it anew for each turn.
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE routing_nodestatus SET delivered = delivered + %s, failed = failed + %s,"
            " timed_out = timed_out + %s, last_success_at = %s,"
            " last_failure_at = CASE WHEN last_failure_at > %s THEN %s ELSE last_failure_at END"
            " WHERE node_id = %s AND failures_in_a_row = 0 AND not_before IS NULL",
            [
                news.delivered,
                news.failed,
                news.timed_out,
                moment(now),
                moment(now + _AHEAD),
                moment(now - _AHEAD),
                node_id,
            ],
        )
        return bool(cursor.rowcount)


def _passed(at: datetime | None, now: datetime) -> datetime | None:
    return now - _AHEAD if at is not None and at > now + _AHEAD else at


def _take_in(status: NodeStatus, event: Failure | None, target: Target, now: datetime) -> None:
    if event is None:
        if status.failures_in_a_row:
            log.info("node %s answers again", target.ae_title)
            NodeOutage.objects.filter(node_id=status.node_id, ended_at=None).update(ended_at=now)
        status.failures_in_a_row = 0
        status.not_before = None
        return
    known = status.last_failure_at
    status.last_error = event.text
    if status.failures_in_a_row and known is not None and event.started_at < known:
        return
    if not status.failures_in_a_row:
        NodeOutage.objects.create(
            node_id=status.node_id, ae_title=target.ae_title, began_at=event.started_at, error=event.text
        )
    status.failures_in_a_row += 1
    status.last_failure_at = now
    # The number of attempts is that of an item; a node is never given up.
    status.not_before = replace(target.retry, attempts=None).next_try(status.failures_in_a_row, now)
    log.warning("node %s failed %d times in a row: %s", target.ae_title, status.failures_in_a_row, event.text)


class Trial(Enum):
    """Whether an association with a node may be opened."""

    NO = "in its back-off"
    YES = "it answered last time"
    PROBE = "it failed, its back-off is over, and this worker is the one that tries"


def may_try(node_id: int, now: datetime) -> Trial:
    """
    Ask before items are claimed for a node.

    While a node fails, one worker at a time tries it: the first that asks
    after the back-off moves the moment for the others.
    """
    row = NodeStatus.objects.filter(pk=node_id).values_list("failures_in_a_row", "not_before").first()
    if row is None or not row[0]:
        return Trial.YES
    if row[1] is not None and row[1] > now:
        return Trial.NO
    unchanged = models.Q(not_before=row[1]) if row[1] is not None else models.Q(not_before__isnull=True)
    won = NodeStatus.objects.filter(unchanged, pk=node_id, failures_in_a_row__gt=0).update(not_before=now + _PROBE)
    return Trial.PROBE if won else Trial.NO


def end_back_off(node_ids: Iterable[int | None], now: datetime) -> None:
    """
    Let failing nodes be tried at once: by one worker, as after any back-off.

    After a trial that told nothing about the node, and when somebody or something
    gives hope that it works again.
    """
    meant = [node_id for node_id in node_ids if node_id is not None]
    NodeStatus.objects.filter(pk__in=meant, failures_in_a_row__gt=0).update(not_before=now)

"""What a person does to many items at once: in chunks, bounded in time, and kept so that it can be taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from routing.audit.log import audit
from routing.core.states import WISHES, QueueEvent, QueueState
from routing.database.deadlock import despite_deadlocks
from routing.database.short_lived import forget_all
from routing.engine.nodes.status import end_back_off
from routing.models import Node, OperatorAction, OperatorStep, QueueItem
from routing.models.querysets import QueueItemQuerySet, delivered_since
from routing.operating.replay import replay_for
from routing.operating.undo import KEPT, UNDO_SECONDS, kept
from routing.queue.record import Moved, record_for, retry_for
from routing.queue.wishes import WISH

MOST_AT_ONCE = 100_000
"""Items that one press of a button moves; the oldest come first, and pressing again goes on."""
_CHUNK = 500
"""Items of one transaction: nobody else writes meanwhile."""
_LONGEST = 20.0
"""Seconds after which no further chunk is begun; the answer says how many are left."""


class Action(StrEnum):
    """A button of the queue."""

    RETRY = "retry"
    TRY_NOW = "try-now"
    FAIL = "fail"
    REJECT = "reject"
    DELETE = "delete"
    PREPARE_AGAIN = "prepare-again"
    SEND_AGAIN = "send-again"
    REDIRECT = "change-destination"
    REPLAY = "replay"


EVENTS = {
    Action.TRY_NOW: QueueEvent.TRY_NOW,
    Action.FAIL: QueueEvent.FAILED_BY_OPERATOR,
    Action.REJECT: QueueEvent.REJECTED_BY_OPERATOR,
    Action.DELETE: QueueEvent.DELETED_BY_OPERATOR,
    Action.PREPARE_AGAIN: QueueEvent.PREPARE_AGAIN,
    Action.SEND_AGAIN: QueueEvent.SEND_AGAIN,
    Action.REDIRECT: QueueEvent.REDIRECTED,
    Action.REPLAY: QueueEvent.REPLAYED,
}
"""RETRY is none: what it does depends on the item."""
_WISHED = {action: state for state, wish in WISHES.items() for action, event in EVENTS.items() if event is wish}
"""What items in progress keep as their pending state, also those of which somebody else has wished the same."""
_SENDING = (Action.RETRY, Action.TRY_NOW, Action.SEND_AGAIN, Action.REDIRECT)
"""Who presses these wants images to leave: the back-off of their nodes ends, too."""


def perform(
    action: Action,
    ids: Sequence[int],
    *,
    actor: str,
    scope: str,
    subject: str = "",
    note: str = "",
    node: Node | None = None,
    asked_at: datetime | None = None,
    row: OperatorAction | None = None,
    go_on: Callable[[], bool] | None = None,
    insist: Callable[[Callable[[], None]], object] = despite_deadlocks,
) -> OperatorAction:
    """
    Do it to the items, and keep what they were; ``node`` is where REDIRECT leads.

    What has been delivered since ``asked_at`` stays: it would be sent twice.

    Answers the row that tells how many moved, and that ``undo`` needs.  Items
    that the time did not reach count as neither moved nor untouched.  Behind a
    page (routing/operating/behind.py) the ``row`` is there already, ``go_on`` takes the
    place of the time, and ``insist`` does each step, a transaction of its own.
    """
    began, at = time.monotonic(), timezone.now()
    detail = {"filter": scope, "reason": note, "node": node.ae_title if node else ""}
    told = {name: value for name, value in detail.items() if value}

    def do() -> OperatorAction:
        # In parts it may break off between two of them, which the row tells then.
        parts = {"wanted": len(ids), "beat_at": at} if len(ids) > _CHUNK else {}
        done = row or OperatorAction.objects.create(
            at=at, actor=actor, action=action, scope=scope, note=note[:200], **parts
        )
        if parts:
            insist(lambda: audit(actor, f"begin {action}", subject or f"{len(ids)} items", **told))
        for start in range(0, len(ids), _CHUNK):
            if start and not (go_on() if go_on else time.monotonic() - began <= _LONGEST and beat(done)):
                break
            items = QueueItem.objects.filter(pk__in=ids[start : start + _CHUNK])
            if asked_at is not None:
                items = items.exclude(delivered_since(asked_at))
            insist(partial(_chunk, done, action, items, node))
        insist(lambda: _end(done, subject, told))
        return done

    # What fits into one transaction happens together with its record, or not at all.
    done = despite_deadlocks(transaction.atomic(do)) if len(ids) <= _CHUNK else do()
    forget_all()
    return done


def beat(row: OperatorAction) -> bool:
    """Give a sign of life; False when somebody wants it to stop."""
    return bool(OperatorAction.objects.filter(pk=row.pk, stopped_at=None).update(beat_at=timezone.now()))


@transaction.atomic
def _end(done: OperatorAction, subject: str, told: dict[str, str]) -> None:
    done.undo_until = timezone.now() + timedelta(seconds=UNDO_SECONDS)
    done.save(update_fields=["undo_until"])
    if done.moved or done.pending:
        audit(done.actor, done.action, subject or f"{done.moved + done.pending} items", **told)


@transaction.atomic
def _chunk(done: OperatorAction, action: Action, items: QueueItemQuerySet, node: Node | None) -> None:
    before = {row["pk"]: row for row in items.order_by("pk").select_for_update().values(*KEPT)}
    if action is Action.REPLAY:
        moved, made = replay_for(items, actor=done.actor, note=done.note)
        OperatorStep.objects.bulk_create(
            _unmade(done, row) for row in QueueItem.objects.filter(pk__in=made).values(*KEPT)
        )
    else:
        moved = _move(items, action, done, node)
    if moved.moved and action in _SENDING:
        end_back_off(items.order_by().values_list("node_id", flat=True).distinct(), timezone.now())
    after = items.order_by().values_list("pk", "state", "updated_at", "pending_state")
    OperatorStep.objects.bulk_create(
        OperatorStep(
            action=done,
            item_id=pk,
            to_state=state,
            moved_at=updated_at,
            before=kept(before[pk]) | {WISH: wish},
            recipe=before[pk]["recipe"],
        )
        for pk, state, updated_at, wish in after
        if (updated_at, wish) != (before[pk]["updated_at"], before[pk]["pending_state"]) or wish == _WISHED.get(action)
    )
    # Last: what is done again must not be counted twice.
    done.moved += moved.moved
    done.pending += moved.pending
    done.untouched += moved.untouched
    done.save(update_fields=["moved", "pending", "untouched"])


def _unmade(done: OperatorAction, row: dict[str, Any]) -> OperatorStep:
    """A replay has no state before: taken back while no worker has begun, it ends as Dropped."""
    at = row["updated_at"]
    # Another moment than now: an equal one would say that the step left no more than a wish.
    before = row | {"state": QueueState.DROPPED.value, "finished_at": at, "updated_at": at + timedelta(microseconds=1)}
    return OperatorStep(action=done, item_id=row["pk"], to_state=row["state"], moved_at=at, before=kept(before))


def _move(items: Any, action: Action, done: OperatorAction, node: Node | None) -> Moved:
    if action is Action.RETRY:
        return retry_for(items, actor=done.actor, note=done.note)
    note, columns = done.note, {}
    if node is not None:
        note = f"to {node.ae_title}{f': {note}' if note else ''}"
        columns = {"node_id": node.pk, "destination_ae_title": node.ae_title}
    return record_for(items, EVENTS[action], actor=done.actor, note=note, columns=columns)

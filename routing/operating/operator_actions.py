"""What a person does to many items at once: in chunks, bounded in time, and possible to take back for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from routing.audit.log import audit
from routing.core.states import WISHES, QueueEvent, QueueState
from routing.database.deadlock import despite_deadlocks
from routing.database.short_lived import forget_all
from routing.engine.nodes.status import end_back_off
from routing.models import Node, OperatorAction, OperatorStep, QueueItem
from routing.models.querysets import QueueItemQuerySet, delivered_since
from routing.operating.replay import replay_for
from routing.queue.record import Moved, record_for, retry_for
from routing.queue.step_back import StepBack, put_back
from routing.queue.wishes import WISH

MOST_AT_ONCE = 100_000
"""Items that one press of a button moves; the oldest come first, and pressing again goes on."""
UNDO_SECONDS = 20
_GRACE = timedelta(seconds=5)
"""What a slow network may take on top of what the page shows."""
_CHUNK = 500
"""Items of one transaction: nobody else writes meanwhile."""
_LONGEST = 20.0
"""Seconds after which no further chunk is begun; the answer says how many are left."""

_LONGEST_BEHIND = timedelta(hours=1)
"""What was begun earlier is not looked for: behind a page the most that is possible takes some minutes."""

_MOMENTS = ("updated_at", "prepared_at", "finished_at", "not_before")
_PLAIN = (
    *("state", "destination_ae_title", "node_id", "prepared_file", "prepare_starts", "attempt_count"),
    *("warning", "last_error", "last_status", "pending_state"),
)


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
    columns = ("pk", "recipe", *_MOMENTS, *_PLAIN)
    before = {row["pk"]: row for row in items.order_by("pk").select_for_update().values(*columns)}
    if action is Action.REPLAY:
        moved, made = replay_for(items, actor=done.actor, note=done.note)
        OperatorStep.objects.bulk_create(
            _unmade(done, row) for row in QueueItem.objects.filter(pk__in=made).values(*columns)
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
            before=_kept(before[pk]) | {WISH: wish},
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
    return OperatorStep(action=done, item_id=row["pk"], to_state=row["state"], moved_at=at, before=_kept(before))


def _move(items: Any, action: Action, done: OperatorAction, node: Node | None) -> Moved:
    if action is Action.RETRY:
        return retry_for(items, actor=done.actor, note=done.note)
    note, columns = done.note, {}
    if node is not None:
        note = f"to {node.ae_title}{f': {note}' if note else ''}"
        columns = {"node_id": node.pk, "destination_ae_title": node.ae_title}
    return record_for(items, EVENTS[action], actor=done.actor, note=note, columns=columns)


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    # Django's own JSON form of a moment loses its microseconds, and these are compared later.
    return {name: row[name] for name in _PLAIN} | {name: row[name] and row[name].isoformat() for name in _MOMENTS}


def _columns(step: OperatorStep, nodes: set[int]) -> dict[str, Any]:
    kept: dict[str, Any] = step.before | {"recipe": step.recipe}
    kept |= {name: kept[name] and datetime.fromisoformat(kept[name]) for name in _MOMENTS}
    if kept["node_id"] not in nodes:
        kept["node_id"] = None
    return kept


def last_undoable(actor: str) -> OperatorAction | None:
    """What this person may still take back."""
    done = OperatorAction.objects.filter(actor=actor, at__gt=timezone.now() - _LONGEST_BEHIND).first()
    if done is None or done.undone_at or not (done.moved or done.pending):
        return None
    return done if done.undo_until and done.undo_until > timezone.now() else None


class TooLate(Exception):
    """The action has been undone before, or its time is over."""


def undo(done: OperatorAction) -> int:
    """
    Give every item that has not moved on its previous columns; returns how many.

    An item that a worker still holds loses the wish instead.
    """
    nodes = set(Node.objects.values_list("pk", flat=True))
    steps = list(OperatorStep.objects.filter(action=done).values_list("pk", flat=True))
    for start in range(0, len(steps) or 1, _CHUNK):
        chunk, last = steps[start : start + _CHUNK], start + _CHUNK >= len(steps)
        done.put_back += despite_deadlocks(partial(_undo_chunk, done, chunk, nodes, first=not start, last=last))
    audit(done.actor, f"undo {done.action}", f"{done.put_back} of {len(steps)} items", filter=done.scope)
    forget_all()
    return done.put_back


@transaction.atomic
def _undo_chunk(done: OperatorAction, steps: Sequence[int], nodes: set[int], *, first: bool, last: bool) -> int:
    now = timezone.now()
    row = OperatorAction.objects.filter(pk=done.pk)
    open_still = row.filter(undone_at=None, undo_until__gt=now - _GRACE) if first else row
    # Where it breaks off the rest can still be taken back; until then retention leaves its files alone.
    changed = {"undone_at": now} if last else {"undo_until": now + timedelta(seconds=UNDO_SECONDS)}
    # Before anything is put back, so that two presses do not both try.
    if not open_still.update(**changed):
        raise TooLate
    back = _undo(done, list(OperatorStep.objects.filter(pk__in=steps)), nodes)
    row.update(put_back=F("put_back") + back)
    return back


def _undo(done: OperatorAction, steps: Sequence[OperatorStep], nodes: set[int]) -> int:
    back, withdrawn = [], 0
    later = OperatorStep.objects.filter(action_id__gt=done.pk, action__undone_at=None)
    others = set(later.filter(item_id__in=[step.item_id for step in steps]).values_list("item_id", flat=True))
    for step in steps:
        columns = _columns(step, nodes)
        wish = columns.pop(WISH, "")
        if columns["updated_at"] == step.moved_at:
            # Somebody else may wish something else by now, or the same.
            if step.item_id in others:
                continue
            held = QueueItem.objects.filter(pk=step.item_id, updated_at=step.moved_at, pending_state=wish)
            withdrawn += held.update(pending_state=columns["pending_state"])
        else:
            back.append(StepBack(step.item_id, QueueState(step.to_state), step.moved_at, columns))
    return withdrawn + len(put_back(back, actor=done.actor))

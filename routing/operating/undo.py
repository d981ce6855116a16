"""What a person did is taken back for a moment: which columns are kept for that, and how items get them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from routing.audit.log import audit
from routing.core.states import QueueState
from routing.database.deadlock import despite_deadlocks
from routing.database.short_lived import forget_all
from routing.models import Node, OperatorAction, OperatorStep, QueueItem
from routing.queue.step_back import StepBack, put_back
from routing.queue.wishes import WISH

UNDO_SECONDS = 20
_GRACE = timedelta(seconds=5)
"""What a slow network may take on top of what the page shows."""
_LONGEST_BEHIND = timedelta(hours=1)
"""What was begun earlier is not looked for: behind a page the most that is possible takes some minutes."""
_CHUNK = 500
"""Items of one transaction: nobody else writes meanwhile."""

_MOMENTS = ("updated_at", "prepared_at", "finished_at", "not_before")
_PLAIN = (
    *("state", "destination_ae_title", "node_id", "prepared_file", "prepare_starts", "attempt_count"),
    *("warning", "last_error", "last_status", "pending_state"),
)
KEPT = ("pk", "recipe", *_MOMENTS, *_PLAIN)
"""Columns of an item that an action may change, and what tells the item."""


class TooLate(Exception):
    """The action has been undone before, or its time is over."""


def kept(row: dict[str, Any]) -> dict[str, Any]:
    """What a row of these columns was, in the form in which a step keeps it; its recipe is kept beside that."""
    # Django's own JSON form of a moment loses its microseconds, and these are compared later.
    return {name: row[name] for name in _PLAIN} | {name: row[name] and row[name].isoformat() for name in _MOMENTS}


def _columns(step: OperatorStep, nodes: set[int]) -> dict[str, Any]:
    columns: dict[str, Any] = step.before | {"recipe": step.recipe}
    columns |= {name: columns[name] and datetime.fromisoformat(columns[name]) for name in _MOMENTS}
    if columns["node_id"] not in nodes:
        columns["node_id"] = None
    return columns


def last_undoable(actor: str) -> OperatorAction | None:
    """What this person may still take back."""
    done = OperatorAction.objects.filter(actor=actor, at__gt=timezone.now() - _LONGEST_BEHIND).first()
    if done is None or done.undone_at or not (done.moved or done.pending):
        return None
    return done if done.undo_until and done.undo_until > timezone.now() else None


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

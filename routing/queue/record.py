"""
The one place where a queue item goes from state to state.

* ``record`` moves items that a worker holds, one by one, each with its own outcome.
* ``record_for`` moves the items of a query together, as people do by buttons.

Both read the table in ``routing.core.states``, write the history line in the same transaction, and
tell which items moved.  An item that did not move was taken by somebody else meanwhile; that is not
an error, it is the answer.  How a person's step is taken back: ``step_back.py``.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from routing.core.states import STUCK_STATES, WISHES, QueueEvent, QueueState, next_state, sources
from routing.database.rows import columns, insert
from routing.models import HistoryEntry, ItemLogLine, QueueItem
from routing.nodes.renamed import TITLE_NOW
from routing.queue.item_log import log_line
from routing.queue.possible import possible
from routing.queue.wishes import NOBODY, asked_by

_COLUMNS = columns(QueueItem)
_TABLE = QueueItem._meta.db_table
_CHUNK = 500
"""Rows a statement names at once; far below the parameter limit of either database."""


@dataclass(frozen=True, slots=True)
class Move:
    """One item that a worker holds, and what happened to it."""

    item_id: int
    state: QueueState
    """The state it was claimed in."""
    event: QueueEvent
    note: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Further columns that change with the state, by attribute name."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How many items of a query moved, will move once their worker is done, or could not."""

    moved: int
    pending: int
    untouched: int


def _settled(event: QueueEvent, now: datetime) -> dict[str, Any]:
    """Columns that belong to the event itself, whoever reports it."""
    match event:
        case QueueEvent.DELIVERED | QueueEvent.DROPPED | QueueEvent.DELETED_BY_OPERATOR:
            return {"finished_at": now, "prepare_starts": 0}
        case QueueEvent.PREPARE_AGAIN:
            return {
                "finished_at": None,
                "prepared_at": None,
                "recipe": None,
                "prepared_file": "",
                "prepare_starts": 0,
                "attempt_count": 0,
                "warning": False,
                "not_before": now,
            }
        case QueueEvent.SEND_AGAIN:
            return {"finished_at": None, "attempt_count": 0, "warning": False, "not_before": now}
        case QueueEvent.TRY_NOW:
            return {"not_before": now}
        case QueueEvent.REDIRECTED:
            fresh = {"attempt_count": 0, "last_error": "", "last_status": None, "warning": False}
            return {"finished_at": None, "not_before": now, **fresh}
    return {"prepare_starts": 0}


def record(moves: Iterable[Move], *, actor: str, owner: str) -> set[int]:
    """
    Move items that ``owner`` holds, end their leases, and return the ids that moved.

    A worker that overslept its lease moves nothing: the lease is part of the
    condition.  A wish that an operator left meanwhile is carried out at once.
    """
    now = timezone.now()
    kinds: dict[Hashable, list[Move]] = {}
    for move in moves:
        kinds.setdefault((move.state, move.event, *move.columns), []).append(move)
    history: list[dict[str, Any]] = []
    wishful: list[int] = []
    # Part of the caller's transaction where there is one: whatever goes wrong here undoes that, too.
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for kind in kinds.values():
            move_them = _move_together if all(move.columns == kind[0].columns for move in kind) else _move_each
            for at in range(0, len(kind), _CHUNK):
                moved = move_them(cursor, kind[at : at + _CHUNK], owner, now)
                wishful += [item for item, wish in moved.items() if wish]
                history += [_history(move, actor, now) for move in kind[at : at + _CHUNK] if move.item_id in moved]
        insert(HistoryEntry, history)
        if wishful:
            carry_out_wishes(wishful)
    return {row["item_id"] for row in history}


def _move_together(cursor: Any, moves: Sequence[Move], owner: str, now: datetime) -> dict[int, str]:
    """Move items to which the very same happened; what operators wish for those that moved, by item."""
    values = _common(moves[0], now) | dict(moves[0].columns)
    cursor.execute(
        f"UPDATE {_TABLE} SET {', '.join(f'{_COLUMNS[name].name} = %s' for name in values)}"  # noqa: S608
        f" WHERE {_held(moves)} RETURNING id, pending_state",
        [
            *(_COLUMNS[name].value(value) for name, value in values.items()),
            *(move.item_id for move in moves),
            moves[0].state,
            owner,
        ],
    )
    return dict(cursor.fetchall())


def _move_each(cursor: Any, moves: Sequence[Move], owner: str, now: datetime) -> dict[int, str]:
    """The same for items to which the same happened with values of their own: one statement, executed for each."""
    lock = " ORDER BY id FOR UPDATE" if connection.features.has_select_for_update else ""
    cursor.execute(
        f"SELECT id, pending_state FROM {_TABLE} WHERE {_held(moves)}{lock}",  # noqa: S608
        [*(move.item_id for move in moves), moves[0].state, owner],
    )
    held: dict[int, str] = dict(cursor.fetchall())
    common = {name: value for name, value in _common(moves[0], now).items() if name not in moves[0].columns}
    shared = [_COLUMNS[name].value(value) for name, value in common.items()]
    own = [_COLUMNS[name] for name in moves[0].columns]
    names = [*(_COLUMNS[name].name for name in common), *(column.name for column in own)]
    cursor.executemany(
        f"UPDATE {_TABLE} SET {', '.join(f'{name} = %s' for name in names)} WHERE id = %s",  # noqa: S608
        [
            [
                *shared,
                *(column.value(value) for column, value in zip(own, move.columns.values(), strict=True)),
                move.item_id,
            ]
            for move in moves
            if move.item_id in held
        ],
    )
    return held


def _common(move: Move, now: datetime) -> dict[str, Any]:
    """Columns that change for all items of a kind alike."""
    ended = {"state": next_state(move.state, move.event), "updated_at": now, "lease_owner": "", "lease_until": None}
    return ended | _settled(move.event, now)


def _held(moves: Sequence[Move]) -> str:
    """The items among these that the worker still holds; parameters: their ids, state, owner."""
    return f"id IN ({', '.join(['%s'] * len(moves))}) AND state = %s AND lease_owner = %s"


def _history(move: Move, actor: str, now: datetime) -> dict[str, Any]:
    return {
        "item_id": move.item_id,
        "at": now,
        "event": move.event,
        "from_state": move.state,
        "to_state": next_state(move.state, move.event),
        "actor": actor,
        "note": move.note,
    }


@transaction.atomic
def carry_out_wishes(ids: Collection[int]) -> None:
    """
    Do what operators wanted of these items while a worker held them (D2).

    A wish that has lost its meaning, such as to reject what was delivered
    meanwhile, is dropped, and the item's log says so.
    """
    wanted: dict[str, list[int]] = {}
    for item, wish in QueueItem.objects.filter(id__in=ids).exclude(pending_state="").values_list("id", "pending_state"):
        wanted.setdefault(wish, []).append(item)
    for wish, wishful in wanted.items():
        QueueItem.objects.filter(id__in=wishful).update(pending_state="")
        asked = asked_by(wishful, wish)
        for item in wishful:
            one, (actor, note) = QueueItem.objects.filter(id=item), asked[item]
            done = record_for(one, WISHES[QueueState(wish)], actor=actor, note=note)
            if not done.moved:
                state = one.values_list("state", flat=True).first()
                who = "an operator" if actor == NOBODY else actor
                text = f"{who} wanted it {wish} while it was in progress; it is {state} now, so that was dropped"
                insert(ItemLogLine, [log_line(item, "warning", text, timezone.now())])


@transaction.atomic
def record_for(
    items: models.QuerySet[QueueItem],
    event: QueueEvent,
    *,
    actor: str,
    note: str = "",
    columns: Mapping[str, Any] = MappingProxyType({}),
) -> Moved:
    """
    Move every item of a query for which ``event`` means something; ``columns`` change with the state.

    Items that a worker holds keep the wish as ``pending_state``; it is carried
    out when the lease ends (D2).  What nobody can wish for (an item outlives
    its time) leaves them untouched.
    """
    now = timezone.now()
    if event in (QueueEvent.PREPARE_AGAIN, QueueEvent.SEND_AGAIN):
        columns = {"destination_ae_title": TITLE_NOW, **columns}
    total = items.order_by().count()
    able = items.order_by().filter(possible(event))
    moved = pending = 0
    for state in sources(event):
        to = next_state(state, event)
        # Locked before anybody looks who holds them, else a claim in between would escape the wish.
        rows = list(able.filter(state=state).select_for_update().values_list("id", "lease_owner"))
        held = [item for item, owner in rows if owner]
        if WISHES.get(to) is not None:
            for at in range(0, len(held), _CHUNK):
                pending += QueueItem.objects.filter(id__in=held[at : at + _CHUNK]).update(pending_state=to)
        ids = [item for item, owner in rows if not owner]
        for at in range(0, len(ids), _CHUNK):
            chunk = ids[at : at + _CHUNK]
            QueueItem.objects.filter(id__in=chunk).update(state=to, updated_at=now, **_settled(event, now), **columns)
            HistoryEntry.objects.bulk_create(
                HistoryEntry(item_id=item, at=now, event=event, from_state=state, to_state=to, actor=actor, note=note)
                for item in chunk
            )
        moved += len(ids)
    return Moved(moved, pending, total - moved - pending)


@transaction.atomic
def retry_for(items: models.QuerySet[QueueItem], *, actor: str, note: str = "") -> Moved:
    """
    Try again what failed, was rejected or expired: send what is prepared, prepare what is not.
    """
    stuck = items.filter(state__in=STUCK_STATES)
    total = items.order_by().count()
    # The ids are fixed first: an item that one statement moves must not meet the other.
    sendable = list(stuck.filter(prepared_at__isnull=False).values_list("id", flat=True))
    unprepared = list(stuck.filter(prepared_at=None).values_list("id", flat=True))
    moved = pending = 0
    for ids, event in ((sendable, QueueEvent.SEND_AGAIN), (unprepared, QueueEvent.PREPARE_AGAIN)):
        for at in range(0, len(ids), _CHUNK):
            part = record_for(QueueItem.objects.filter(id__in=ids[at : at + _CHUNK]), event, actor=actor, note=note)
            moved += part.moved
            pending += part.pending
    return Moved(moved, pending, total - moved - pending)

"""How a person's step is taken back: beside the table of states, while nothing else has happened to the item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from routing.core.states import QueueState
from routing.database.rows import columns, insert
from routing.models import HistoryEntry, QueueItem

_COLUMNS = columns(QueueItem)
_TABLE = QueueItem._meta.db_table
UNDONE = "undone"
"""The event of a step back in the history; it leads wherever the step came from, so no table can name it."""


@dataclass(frozen=True, slots=True)
class StepBack:
    """One item as a person's step left it, and the columns as they were before."""

    item_id: int
    state: QueueState
    moved_at: datetime
    """``updated_at`` since that step; another value says that the item has moved on."""
    before: Mapping[str, Any]
    """Every column that the step may have changed, by attribute name; ``state`` and ``updated_at`` among them."""


@transaction.atomic
def put_back(steps: Iterable[StepBack], *, actor: str) -> set[int]:
    """
    Give items back the columns they had before a person's step; returns the ids of those put back.

    An item that has moved since, or that a worker has taken, stays as it is.
    """
    now = timezone.now()
    history: list[dict[str, Any]] = []
    with connection.cursor() as cursor:
        for step in steps:
            names = ", ".join(f"{_COLUMNS[name].name} = %s" for name in step.before)
            values = [_COLUMNS[name].value(value) for name, value in step.before.items()]
            cursor.execute(
                f"UPDATE {_TABLE} SET {names} WHERE id = %s AND state = %s AND updated_at = %s AND lease_owner = ''",  # noqa: S608
                [*values, step.item_id, step.state, _COLUMNS["updated_at"].value(step.moved_at)],
            )
            if cursor.rowcount:
                move = {"from_state": step.state, "to_state": step.before["state"], "actor": actor, "note": ""}
                history.append({"item_id": step.item_id, "at": now, "event": UNDONE, **move})
    insert(HistoryEntry, history)
    return {row["item_id"] for row in history}

"""How items go back to the queue whose worker has ended, and how wishes are carried out that no worker will."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection, transaction

from routing.models import Lane, QueueItem
from routing.queue.claims import HELD, marks
from routing.queue.record import carry_out_wishes

_CHUNK = 500


def give_back(owner: str, *, begun: Collection[int] | None = ()) -> int:
    """
    Return everything a worker holds to the queue, as if it had never been taken.

    What operators wanted of the items meanwhile is carried out now (D2).
    Preparations that were ``begun`` stay counted: those of an item that ended
    the worker, or all (None) when nobody knows how it ended.  Returns the
    number of items.
    """
    uncounted = ""
    parameters: list[int | str] = [owner]
    if begun is not None:
        kept = f" AND id NOT IN ({marks(len(begun))})" if begun else ""
        uncounted = f", prepare_starts = prepare_starts - CASE WHEN prepare_starts > 0{kept} THEN 1 ELSE 0 END"
        parameters = [*begun, owner]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM routing_lane WHERE owner = %s", [owner])
        cursor.execute(
            f"UPDATE routing_queueitem SET lease_owner = '', lease_until = NULL{uncounted} WHERE {HELD}"  # noqa: S608
            " RETURNING id, pending_state",
            parameters,
        )
        freed: list[tuple[int, str]] = cursor.fetchall()
        if wishful := [item for item, wish in freed if wish]:
            carry_out_wishes(wishful)
        return len(freed)


def free_all() -> int:
    """
    End every lease and lane; returns how many items were held.

    Only for a database that nobody works on: one that was restored names owners of another time.
    Up to when time was seen passing is kept: what waits in an old backup shall not expire before it is tried.
    """
    owners = QueueItem.objects.exclude(lease_owner="").values_list("lease_owner", flat=True).distinct()
    freed = sum(give_back(owner) for owner in list(owners))
    Lane.objects.exclude(key=Lane.CONFIRMED_TIME).delete()
    return freed


def free_orphans() -> int:
    """Carry out what operators want of items that no worker holds any more; returns how many."""
    with connection.cursor() as cursor:
        # The first half is the condition of the index of wished items; Django would hide its value from the planner.
        cursor.execute(
            "SELECT id FROM routing_queueitem WHERE NOT (pending_state = '') AND lease_owner = '' LIMIT %s", [_CHUNK]
        )
        found = [row[0] for row in cursor.fetchall()]
    if not found:
        return 0
    with transaction.atomic():
        orphans = QueueItem.objects.filter(id__in=found, lease_owner="").exclude(pending_state="")
        ids = list(orphans.select_for_update().values_list("id", flat=True))
        carry_out_wishes(ids)
    return len(ids)

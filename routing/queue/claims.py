"""
How a worker takes items and keeps them: one conditional UPDATE, so that no two workers hold the same item.

On SQLite an IMMEDIATE transaction excludes other writers; on PostgreSQL the inner
SELECT locks its rows and skips those that others have locked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import connection, transaction
from django.utils import timezone

LEASE = timedelta(seconds=60)
"""
How long a lease lasts unless renewed.

A worker of this machine that dies is noticed sooner, by its presence file.
Nobody compares the end of a lease with a clock of his own: see engine/housekeeping/lease_watch.py.
"""


@dataclass(frozen=True, slots=True)
class Unprepared:
    """A New item in the hands of a worker."""

    id: int
    received_id: int
    source_ae_title: str
    called_ae_title: str
    destination_ae_title: str
    node_id: int | None
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    patient_id: str
    patient_name: str
    accession_number: str
    transfer_syntax_uid: str
    dataset_offset: int
    size: int
    peer_address: str
    association_id: str
    prepare_starts: int
    """How often its preparation has begun without an end, this time included."""
    script_version_id: int | None
    """What prepared it before: then the row's identifiers are those that the scripts made, not the file's."""
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class Deliverable:
    """A Prepared item in the hands of a worker."""

    id: int
    received_id: int
    source_ae_title: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    dataset_offset: int
    size: int
    recipe: bytes | None
    prepared_file: str
    attempt_count: int
    checksum: int | None = None


_TITLE = "COALESCE((SELECT n.ae_title FROM routing_node n WHERE n.id = node_id), destination_ae_title)"
"""As the node is called now, like the entries that are for it; a listener may know the old title for a moment."""
_UNPREPARED = ", ".join(_TITLE if name == "destination_ae_title" else name for name in Unprepared.__dataclass_fields__)
_DELIVERABLE = ", ".join(Deliverable.__dataclass_fields__)
_DUE = "node_id = %s AND not_before <= %s AND state = 'Prepared' AND lease_owner = '' AND pending_state = ''"
"""What may be sent to a node; parameters: node, now."""
HELD = "lease_owner = %s AND NOT (lease_owner = '')"
"""What a worker holds.  The second half is the condition of the index of leased items, or it is of no use here."""


def _moment(value: datetime) -> datetime:
    # SQLite gets text, PostgreSQL the value itself; either is what a cursor takes.
    return cast(datetime, connection.ops.adapt_datetimefield_value(value))


def _skip_locked(alias: str = "") -> str:
    if connection.vendor != "postgresql":
        return ""
    return f" FOR UPDATE{' OF ' + alias if alias else ''} SKIP LOCKED"


def by_index(name: str) -> str:
    """SQLite counts nothing about its tables: alone it would take the index of all states and sort what it finds."""
    return f" INDEXED BY {name}" if connection.vendor == "sqlite" else ""


def claim_unprepared(owner: str, limit: int, *, lanes: bool, lease: timedelta = LEASE) -> list[Unprepared]:
    """
    Take up to ``limit`` New items that are due, oldest first.

    An item that somebody holds is never taken over here, whatever the clock
    says: leases end when their owner is known to be dead or silent.

    With ``lanes`` the images of one study are taken by one worker at a time, so
    that they are prepared one after another (D6).  The lane is a row of its own:
    a NOT EXISTS alone lets two PostgreSQL workers in at once.

    All of a batch are counted before any work.  One that has begun before and
    never ended is taken alone: so when everything dies at once a batch is
    counted once, and from then on only the image in hand is.
    """
    now = timezone.now()
    elsewhere = (
        " AND NOT EXISTS (SELECT 1 FROM routing_lane l"
        " WHERE l.key = i.study_instance_uid AND l.owner <> %s AND l.until > %s)"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.id, i.study_instance_uid, i.prepare_starts"  # noqa: S608
            f" FROM routing_queueitem i{by_index('queue_due_new')}"
            " WHERE i.state = 'New' AND i.not_before <= %s AND i.lease_owner = '' AND i.pending_state = ''"
            f"{elsewhere if lanes else ''} ORDER BY i.not_before, i.id LIMIT %s{_skip_locked('i')}",
            [_moment(now), *((owner, _moment(now)) if lanes else ()), limit],
        )
        # Cut before lanes are taken: others may work at the studies of what is left out.
        due = _up_to_one_begun_before(cursor.fetchall())
        if lanes and due:
            held = _take_lanes(cursor, owner, {study for _, study in due if study}, now, now + lease)
            due = [(item, study) for item, study in due if not study or study in held]
        if not due:
            return []
        cursor.execute(
            "UPDATE routing_queueitem SET lease_owner = %s, lease_until = %s, prepare_starts = prepare_starts + 1"  # noqa: S608
            f" WHERE id IN ({marks(len(due))}) RETURNING {_UNPREPARED}",
            [owner, _moment(now + lease), *(item for item, _ in due)],
        )
        order = {item: place for place, (item, _) in enumerate(due)}
        return sorted((Unprepared(*row) for row in cursor.fetchall()), key=lambda item: order[item.id])


def _up_to_one_begun_before(due: Sequence[tuple[int, str, int]]) -> Sequence[tuple[int, str]]:
    first = next((place for place, (_, _, begun) in enumerate(due) if begun), len(due))
    return [(item, study) for item, study, _ in due[: first or 1]]


def _take_lanes(cursor: Any, owner: str, studies: Collection[str], now: datetime, until: datetime) -> set[str]:
    if not studies:
        return set()
    # Sorted, so that two workers that want the same lanes meet in the same order and cannot deadlock.
    rows = [value for study in sorted(studies) for value in (study, owner, _moment(until))]
    cursor.execute(
        f"INSERT INTO routing_lane (key, owner, until) VALUES {', '.join(['(%s, %s, %s)'] * len(studies))}"  # noqa: S608
        " ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until"
        " WHERE routing_lane.until <= %s OR routing_lane.owner = excluded.owner RETURNING key",
        [*rows, _moment(now)],
    )
    return {row[0] for row in cursor.fetchall()}


def claim_deliverable(
    owner: str, node_id: int, limit: int, *, sop_class_priorities: Sequence[str] = ()
) -> list[Deliverable]:
    """
    Take up to ``limit`` Prepared items of one node that are due, oldest first.

    With priorities the listed SOP classes come first, in their order; "default"
    places the others, who come last without it.
    """
    now = timezone.now()
    placed = [(uid, place) for place, uid in enumerate(sop_class_priorities) if uid != "default"]
    others = next((place for place, uid in enumerate(sop_class_priorities) if uid == "default"), len(placed))
    rank = f"CASE sop_class_uid{' WHEN %s THEN %s' * len(placed)} ELSE {others} END, " if placed else ""
    # To rank is to look at all that is due: on SQLite nobody else could write meanwhile.
    locked = nullcontext() if rank and connection.vendor == "sqlite" else transaction.atomic()
    with locked, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM routing_queueitem{by_index('queue_due_prepared')} WHERE {_DUE}"  # noqa: S608
            f" ORDER BY {rank}not_before, id LIMIT %s{_skip_locked()}",
            [node_id, _moment(now), *(value for pair in placed for value in pair), limit],
        )
        due = [row[0] for row in cursor.fetchall()]
        if not due:
            return []
        # Still due: another may have been quicker.  The plus keeps SQLite from going through all that is due there.
        cursor.execute(
            "UPDATE routing_queueitem SET lease_owner = %s, lease_until = %s"  # noqa: S608
            f" WHERE id IN ({marks(len(due))}) AND +{_DUE} RETURNING {_DELIVERABLE}",
            [owner, _moment(now + LEASE), *due, node_id, _moment(now)],
        )
        taken = [Deliverable(*row) for row in cursor.fetchall()]
    if not taken:
        return claim_deliverable(owner, node_id, limit, sop_class_priorities=sop_class_priorities)
    order = {item: place for place, item in enumerate(due)}
    return sorted(taken, key=lambda item: order[item.id])


def deliverable_due(node_id: int) -> bool:
    """Whether ``claim_deliverable`` would find anything; asking takes no write lock, which a claim does."""
    now = _moment(timezone.now())
    with connection.cursor() as cursor:
        look = f"SELECT 1 FROM routing_queueitem{by_index('queue_due_prepared')} WHERE {_DUE} LIMIT 1"  # noqa: S608
        cursor.execute(look, [node_id, now])
        return cursor.fetchone() is not None


def renew(owner: str, lease: timedelta = LEASE) -> None:
    """Prolong all leases and lanes of a worker; called well before they end."""
    until = _moment(timezone.now() + lease)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE routing_queueitem SET lease_until = %s WHERE {HELD}", [until, owner])  # noqa: S608
        cursor.execute("UPDATE routing_lane SET until = %s WHERE owner = %s", [until, owner])


def holds_lanes(owner: str, studies: Collection[str]) -> bool:
    """Whether all these lanes are still the worker's; asked inside the transaction that relies on it."""
    if not studies:
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE routing_lane SET owner = owner WHERE owner = %s AND key IN ({marks(len(studies))})",  # noqa: S608
            [owner, *studies],
        )
        return bool(cursor.rowcount == len(studies))


def release_lanes(owner: str) -> None:
    """Let other workers at the studies of a batch that has ended."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM routing_lane WHERE owner = %s", [owner])


def marks(count: int) -> str:
    """Places for so many parameters, between the brackets of an IN."""
    return ", ".join(["%s"] * count)

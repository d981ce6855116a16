"""Which received images have come before, byte for byte, and which come under a SOP Instance UID that is taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from routing.database.rows import columns
from routing.models import QueueItem
from routing.spool.spool import Spool

_PIECE = 1 << 20


class _Known(NamedTuple):
    id: int
    size: int
    dataset_offset: int


def note_repeats(rows: Sequence[dict[str, Any]], spool: Spool) -> None:
    """
    Set ``repeat_of`` or ``collides_with`` of each row to the newest earlier item of the same SOP instance.

    Both are None where there is none.  Files are only read where the sizes
    agree; where the earlier file is gone, sizes have to do, and where it cannot
    be read, it is not taken for the same.
    """
    text = columns(QueueItem)["sop_instance_uid"].value
    known = _newest([text(row["sop_instance_uid"]) for row in rows], before=min(row["id"] for row in rows))
    for row in sorted(rows, key=lambda row: row["id"]):
        uid = text(row["sop_instance_uid"])
        this = _Known(row["id"], row["size"], row["dataset_offset"])
        earlier = known.get(uid) if uid else None
        same = earlier is not None and _same(earlier, this, spool)
        row["repeat_of"] = earlier.id if earlier and same else None
        row["collides_with"] = earlier.id if earlier and not same else None
        known[uid] = this


def words_for(row: dict[str, Any]) -> str:
    """What the history says about it; empty when there is nothing to say."""
    if row["repeat_of"]:
        return f"the image of item {row['repeat_of']} again"
    if row["collides_with"]:
        return f"UID collision: item {row['collides_with']} has the same SOP Instance UID and other bytes"
    return ""


def _newest(uids: Sequence[str], before: int) -> dict[str, _Known]:
    """By SOP Instance UID the newest received item; the ORM would ask ten times as long."""
    table = QueueItem._meta.db_table
    places = ", ".join(["%s"] * len(uids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT sop_instance_uid, id, size, dataset_offset FROM {table}"  # noqa: S608
            f" WHERE sop_instance_uid IN ({places}) AND received_id = id AND id < %s ORDER BY id",
            [*uids, before],
        )
        return {uid: _Known(*row) for uid, *row in cursor.fetchall()}


def _same(earlier: _Known, this: _Known, spool: Spool) -> bool:
    if earlier.size - earlier.dataset_offset != this.size - this.dataset_offset:
        return False
    try:
        return _equal(spool.path(earlier.id), earlier.dataset_offset, spool.path(this.id), this.dataset_offset)
    except FileNotFoundError:
        return True
    except OSError:
        # Nobody knows; a disk that fails under one file must not keep all that comes from the queue.
        return False


def _equal(left: Path, left_offset: int, right: Path, right_offset: int) -> bool:
    with left.open("rb") as one, right.open("rb") as other:
        one.seek(left_offset)
        other.seek(right_offset)
        while piece := one.read(_PIECE):
            if piece != other.read(_PIECE):
                return False
    return True

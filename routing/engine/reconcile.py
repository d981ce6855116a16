"""Do rows and files agree when the service starts, and rows and nodes at any time; what is done where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from routing.core.ae_title import TitleBook
from routing.core.states import QueueEvent, QueueState
from routing.database.rows import insert
from routing.models import ItemLogLine, Node, QueueItem
from routing.models.querysets import QueueItemQuerySet
from routing.nodes.titles import title_book
from routing.queue.claims import by_index
from routing.queue.item_log import log_line
from routing.queue.record import record_for
from routing.spool.prepared import PreparedFiles, is_transcoded
from routing.spool.spool import Spool, SpoolGone

MISSING = "the received file is missing from the spool"
PREPARED_MISSING = "the prepared file is missing from the spool; what the modality sent is still there"
"""A backup that is older than the spool names prepared files that have been made anew since."""
_CHUNK = 500


def fail_missing(spool: Spool) -> int:
    """
    Fail the items that wait for a file that is not there; returns how many.

    SpoolGone when it is not the files that are missing but the spool.
    """
    failed = 0
    for chunk in _waiting():
        lost: dict[str, list[int]] = {MISSING: [], PREPARED_MISSING: []}
        for row in chunk:
            if _is_missing(_needed(spool, row)):
                lost[MISSING if _is_missing(spool.path(row["received_id"])) else PREPARED_MISSING].append(row["id"])
        if spool.gone:
            raise SpoolGone(spool.root)
        for why, ids in ((why, ids) for why, ids in lost.items() if ids):
            failed += _give_up(QueueItem.objects.filter(id__in=ids), why, actor="recovery")
    return failed


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:
        # What the disk does not even look up may be there; whoever needs it will say why it cannot be had.
        return False


def fail_for_nobody() -> int:
    """
    Fail a chunk of what is Prepared for a node that is gone: nobody would try it, or miss it.

    Where a node has the AE title by now, it gets the items.  Returns how many were found.

    So it is with what is sent again after its node was deleted, with an undo
    after that, and on PostgreSQL with what comes in while a node is being deleted.
    """
    with connection.cursor() as cursor:
        # The first half is the condition of the index; Django would hide its value from the planner.
        cursor.execute(
            f"SELECT destination_ae_title, id FROM routing_queueitem{by_index('queue_due_prepared')}"  # noqa: S608
            " WHERE state = 'Prepared' AND node_id IS NULL AND lease_owner = '' LIMIT %s",
            [_CHUNK],
        )
        lost: dict[str, list[int]] = {}
        for ae_title, item in cursor.fetchall():
            lost.setdefault(ae_title, []).append(item)
    if not lost:
        return 0
    settled, titles = 0, title_book()
    for ae_title, ids in sorted(lost.items()):
        items = QueueItem.objects.filter(id__in=ids, node=None)
        if address_anew(items.filter(lease_owner=""), ae_title, titles):
            settled += len(ids)
        else:
            settled += _give_up(items, node_deleted(ae_title), actor="housekeeping")
    return settled


def node_deleted(ae_title: str) -> str:
    """What is the matter with an item whose node is there no more, and none with that AE title."""
    return f"node {ae_title} has been deleted"


@transaction.atomic
def address_anew(items: QueueItemQuerySet, ae_title: str, titles: TitleBook) -> Node | None:
    """
    Give items that are for no node to the one that their AE title means by now, None where there is none.

    Somebody may have made the node again, or given one the title as an alias,
    before the items were retried.
    """
    node_id = titles.resolve(ae_title).node_id
    if node_id is None:
        return None
    # What the titles say may be a second old.
    node = Node.objects.select_for_update().filter(pk=node_id).first()
    if node is not None:
        found = list(items.select_for_update().values_list("id", flat=True))
        QueueItem.objects.filter(id__in=found).update(node=node, destination_ae_title=node.ae_title)
        text, now = f"it was for no node; {ae_title} means node {node} now", timezone.now()
        insert(ItemLogLine, [log_line(item, "info", text, now) for item in found])
    return node


def _give_up(items: QueueItemQuerySet, why: str, *, actor: str) -> int:
    """Those that nobody holds by now; how many."""
    free = items.filter(lease_owner="")
    return record_for(free, QueueEvent.GAVE_UP, actor=actor, note=why, columns={"last_error": why}).moved


def _waiting() -> Iterator[Sequence[Mapping[str, Any]]]:
    last = 0
    items = QueueItem.objects.waiting().filter(purged_at=None, lease_owner="").order_by("id")
    while chunk := list(items.filter(id__gt=last).values("id", "received_id", "state", "prepared_file")[:_CHUNK]):
        yield chunk
        last = chunk[-1]["id"]


def _needed(spool: Spool, row: Mapping[str, Any]) -> Path:
    """The file that the next step reads."""
    # What was only transcoded is made anew.
    if row["state"] == QueueState.PREPARED and row["prepared_file"] and not is_transcoded(row["prepared_file"]):
        return PreparedFiles(spool.root).path(row["prepared_file"])
    return spool.path(row["received_id"])

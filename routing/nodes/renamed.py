"""What is queued for a node, and the entries that are for it, follow its AE title: all ask for it by that."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import Error as DatabaseProblem
from django.db import connection, transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from routing.database.deadlock import despite_deadlocks
from routing.database.rows import insert
from routing.database.short_lived import forget_all
from routing.models import HistoryEntry, Node, QueueItem
from scripts_app.renamed import rename_destination

log = logging.getLogger("capacitor.nodes")
RENAMED = "node renamed"
"""The event in the history; it leaves the state as it is, so no table names it."""
TITLE_NOW = Coalesce(
    Subquery(Node.objects.filter(pk=OuterRef("node_id")).values("ae_title")[:1]), F("destination_ae_title")
)
"""For what comes back into the queue: the AE title that an item's node has today."""
_LATE = timedelta(minutes=3)
_CHUNK = 500
"""Items of one transaction: nobody else writes meanwhile."""
_LONGEST = 20.0
"""Seconds after which no further chunk is begun for a page."""
_LONGEST_OF_A_ROUND = 5.0
"""The same for housekeeping, which has more to do."""
_REST = 0.5
"""Part of the time of a chunk for others to write: SQLite prefers nobody, and who waits would do so until the end."""
STILL_FOLLOWING = (
    "what is queued for it gets the new AE title within some minutes; until then lists and scripts find it by the"
    " old one."
)
pause = time.sleep


@transaction.atomic
def follow(node: Node, before: str, *, actor: str) -> int:
    """
    After a node has been saved that was called ``before``, empty for a new one; how many entries follow it.

    Whoever saves it holds the scripts first (``scripts_app.revision.hold``), and calls ``bring_along`` after the
    commit.
    """
    storage = Node.objects.filter(role=Node.Role.STORAGE)
    # A node of another role may have had the title beside the one that entries are for.
    if before in ("", node.ae_title) or node.role != Node.Role.STORAGE or storage.filter(ae_title=before).exists():
        return 0
    return rename_destination(before, node.ae_title, actor=actor)


def bring_along(node_id: int, *, actor: str, seconds: float | None = None) -> bool:
    """
    Give what is queued for the node its AE title of now; False when time or database left some to housekeeping.

    Not within the transaction of the renaming: whoever brings or records an image of the node would wait for all
    of it.  What has left keeps the title that it left for.  State and lease stay: a worker that holds an item sends
    it to the node, whatever that is called.
    """
    until = time.monotonic() + (_LONGEST if seconds is None else seconds)
    try:
        stale = QueueItem.objects.queued().filter(node=node_id).exclude(destination_ae_title=F("node__ae_title"))
        ids = list(stale.order_by("id").values_list("id", flat=True))
        for start in range(0, len(ids), _CHUNK):
            began = time.monotonic()
            if start and began > until:
                return False
            despite_deadlocks(partial(_chunk, node_id, ids[start : start + _CHUNK], actor))
            if start + _CHUNK < len(ids):
                pause(_REST * (time.monotonic() - began) if connection.vendor == "sqlite" else 0)
    except DatabaseProblem as error:
        # The node has its title, whatever becomes of these.
        log.warning("what is queued for node %d follows its new AE title later: %s", node_id, type(error).__name__)
        return False
    finally:
        forget_all()
    return True


@transaction.atomic
def _chunk(node_id: int, ids: Sequence[int], actor: str) -> None:
    node = Node.objects.filter(pk=node_id).first()
    if node is None:
        return
    stale = QueueItem.objects.queued().filter(node=node, id__in=ids).exclude(destination_ae_title=node.ae_title)
    rows = list(stale.order_by("id").select_for_update().values_list("id", "state", "destination_ae_title"))
    QueueItem.objects.filter(id__in=[item for item, *_ in rows]).update(destination_ae_title=node.ae_title)
    told = {"at": timezone.now(), "event": RENAMED, "actor": actor}
    insert(
        HistoryEntry,
        [
            {**told, "item_id": item, "from_state": state, "to_state": state, "note": f"{old} is {node} now"}
            for item, state, old in rows
        ],
    )


def readdress_late(since: datetime | None) -> bool:
    """
    The same for what a renaming since that moment (None: ever) left, and for what was queued late.

    Another process knows the old title for a moment longer.  False when some is still left.
    """
    changed = Node.objects.filter(role=Node.Role.STORAGE)
    if since is not None:
        changed = changed.filter(updated_at__gt=since - _LATE)
        if not changed.exists():
            return True
    until = time.monotonic() + _LONGEST_OF_A_ROUND
    # One look at the queue for all of them: after an import they may be thousands.
    stale = QueueItem.objects.queued().filter(node__in=changed).exclude(destination_ae_title=F("node__ae_title"))
    meant = list(stale.order_by().values_list("node_id", flat=True).distinct())
    # Each gets a chunk at least, whatever is the matter with another one.
    followed = [bring_along(node, actor="housekeeping", seconds=until - time.monotonic()) for node in meant]
    return all(followed)

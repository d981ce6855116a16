"""What is queued for a node, and the entries that are for it, follow its AE title: all ask for it by that."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from routing.database.rows import insert
from routing.database.short_lived import forget_all
from routing.models import HistoryEntry, Node, QueueItem
from scripts_app.renamed import rename_destination

RENAMED = "node renamed"
"""The event in the history; it leaves the state as it is, so no table names it."""
TITLE_NOW = Coalesce(
    Subquery(Node.objects.filter(pk=OuterRef("node_id")).values("ae_title")[:1]), F("destination_ae_title")
)
"""For what comes back into the queue: the AE title that an item's node has today."""
_LATE = timedelta(minutes=3)
_CHUNK = 500


@transaction.atomic
def follow(node: Node, before: str, *, actor: str) -> int:
    """
    After a node has been saved that was called ``before``, empty for a new one; how many entries follow it.

    Whoever saves it holds the scripts first (``scripts_app.revision.hold``).
    """
    readdress(node, actor=actor)
    storage = Node.objects.filter(role=Node.Role.STORAGE)
    # A node of another role may have had the title beside the one that entries are for.
    if before in ("", node.ae_title) or node.role != Node.Role.STORAGE or storage.filter(ae_title=before).exists():
        return 0
    return rename_destination(before, node.ae_title, actor=actor)


@transaction.atomic
def readdress(node: Node, *, actor: str) -> None:
    """
    Give what is queued for the node its AE title of now.

    What has left keeps the title that it left for.  State and lease stay: a
    worker that holds an item sends it to the node, whatever that is called.
    """
    now = timezone.now()
    stale = node.items.queued().exclude(destination_ae_title=node.ae_title).order_by("id").select_for_update()
    rows = list(stale.values_list("id", "state", "destination_ae_title"))
    for at in range(0, len(rows), _CHUNK):
        chunk = rows[at : at + _CHUNK]
        QueueItem.objects.filter(id__in=[item for item, *_ in chunk]).update(destination_ae_title=node.ae_title)
        told = {"at": now, "event": RENAMED, "actor": actor}
        insert(
            HistoryEntry,
            [
                {**told, "item_id": item, "from_state": state, "to_state": state, "note": f"{old} is {node} now"}
                for item, state, old in chunk
            ],
        )
    forget_all()


def readdress_late(now: datetime) -> None:
    """The same for what another process queued by the old title, which it knew for a moment longer."""
    changed = Node.objects.filter(role=Node.Role.STORAGE, updated_at__gt=now - _LATE)
    if not changed:
        return
    # One look at the queue for all of them: after an import they may be thousands.
    stale = QueueItem.objects.queued().filter(node__in=changed).exclude(destination_ae_title=F("node__ae_title"))
    meant = set(stale.order_by().values_list("node_id", flat=True))
    for node in changed:
        if node.pk in meant:
            readdress(node, actor="housekeeping")

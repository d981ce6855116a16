"""Send received images through the scripts once more, each as a new item beside the one that it repeats."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.utils import timezone

from routing.core.ae_title import Meaning
from routing.core.identifiers import ROW_TAGS, new_identifiers
from routing.core.states import QueueEvent, QueueState, sources
from routing.database.rows import insert
from routing.engine.directory import Directory
from routing.models import HistoryEntry, QueueItem
from routing.nodes.renamed import TITLE_NOW
from routing.queue.possible import possible
from routing.queue.record import Moved

REPLAY = "replay"
"""Event of a replay's first history entry: it was not received anew, and is not counted so."""
_AS_RECEIVED = (
    *(
        "source_ae_title",
        "called_ae_title",
        "peer_address",
        "association_id",
        "transfer_syntax_uid",
        "size",
        "checksum",
    ),
    *("sop_class_uid", "sop_instance_uid", "study_instance_uid", "series_instance_uid", "modality"),
    *("patient_id", "patient_name", "accession_number", "dataset_offset"),
    # A row that scripts have changed names their version: so the worker knows that its names are not the file's.
    "script_version_id",
)


@transaction.atomic
def replay_for(items: models.QuerySet[QueueItem], *, actor: str, note: str = "") -> tuple[Moved, list[int]]:
    """
    Queue the received image of every item for which that means something as a new item; answers the new ids, too.

    It goes where its called AE title leads today; where that leads nowhere, to
    the destination of the item that it repeats.  That item stays as it is, and
    both histories name the other.
    """
    now = timezone.now()
    total = items.order_by().count()
    able = items.order_by("pk").filter(possible(QueueEvent.REPLAYED), state__in=sources(QueueEvent.REPLAYED))
    # Locked, so that retention does not remove the file meanwhile.
    columns = ("pk", "state", "received_id", "node_id", *_AS_RECEIVED)
    found = list(able.select_for_update().values(*columns, title=TITLE_NOW))
    new_id, directory = new_identifiers(ROW_TAGS), Directory.of_service()
    rows: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for item in found:
        target = directory.resolve(item["called_ae_title"])
        destination, node = item["title"], item["node_id"]
        if target.meaning in (Meaning.NODE, Meaning.UNADDRESSED):
            destination, node = target.ae_title, target.node_id
        row = {
            "id": new_id(),
            "received_id": item["received_id"],
            "replay_of": item["pk"],
            "state": QueueState.NEW,
            "destination_ae_title": destination,
            "node_id": node,
            **{name: item[name] for name in _AS_RECEIVED},
            "lease_owner": "",
            "pending_state": "",
            "prepared_file": "",
            "prepare_starts": 0,
            "attempt_count": 0,
            "last_error": "",
            "warning": False,
            **dict.fromkeys(("not_before", "created_at", "updated_at"), now),
        }
        rows.append(row)
        why = f": {note}" if note else ""
        told = {"at": now, "actor": actor}
        old = {"item_id": item["pk"], "event": QueueEvent.REPLAYED, "from_state": item["state"]}
        history.append({**told, **old, "to_state": item["state"], "note": f"as item {row['id']}{why}"})
        new = {"item_id": row["id"], "event": REPLAY, "from_state": "", "to_state": QueueState.NEW}
        history.append({**told, **new, "note": f"of item {item['pk']}{why}"})
    insert(QueueItem, rows)
    insert(HistoryEntry, history)
    return Moved(len(rows), 0, total - len(rows)), [row["id"] for row in rows]

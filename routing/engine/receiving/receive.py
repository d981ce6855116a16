"""Queue what is durable in the spool: rows follow the files, in small batches, and can be made again from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from routing.core.ae_title import Meaning
from routing.core.identifiers import created_at
from routing.core.instance import ReceivedInstance
from routing.core.states import RECEIVED, QueueEvent, QueueState, next_state
from routing.database.rows import insert, insert_missing
from routing.engine.directory import Directory
from routing.engine.receiving.repeats import note_repeats, words_for
from routing.models import HistoryEntry, QueueItem
from routing.spool.checksum import checksum_of
from routing.spool.spool import Spool
from scripts_app.core.dataset.brief import read_brief
from scripts_app.core.dataset.file_meta import NotPart10, file_meta_of

FOR_ITSELF = "sent to the router itself"
"""In the history of what was: the router may have another AE title when its scripts run the next time."""


@dataclass(frozen=True, slots=True)
class AsItCame:
    """No script is active: what has a node is ready for it as it came, and needs no preparation of its own."""

    script_version_id: int | None
    """The version without entries."""
    process_delay: timedelta
    """Of nodes that have none of their own."""


def instance_in(path: Path, identifier: int, *, with_checksum: bool = False) -> ReceivedInstance:
    """
    Read back from a spool file what its row needs; NotPart10 or OSError when it can't be read.

    With a checksum the whole file is read: that of its writer is lost with the row.
    A file without our private elements (somebody put it there by hand) gets what
    its standard elements say.
    """
    size = path.stat().st_size
    if not size:
        raise NotPart10("the file is empty")
    meta = file_meta_of(path)
    checksum = checksum_of(path) if with_checksum else None
    private = meta.private or {}
    return ReceivedInstance(
        id=identifier,
        calling_ae_title=str(private.get("calling", meta.sending_ae_title)),
        called_ae_title=str(private.get("called", meta.receiving_ae_title)),
        peer_address=str(private.get("peer", "")),
        association_id=str(private.get("association", "")),
        sop_class_uid=meta.media_storage_sop_class_uid,
        sop_instance_uid=meta.media_storage_sop_instance_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        received_at=_received_at(private.get("received"), identifier),
        dataset_offset=meta.dataset_offset,
        size=size,
        accepted_for=str(private.get("accepted_for", "")),
        checksum=checksum,
    )


def _received_at(noted: object, identifier: int) -> datetime:
    """The moment that the listener noted; for a foreign file that of its identifier."""
    try:
        at = datetime.fromisoformat(str(noted))
    except ValueError:
        return created_at(identifier)
    return at if at.tzinfo else created_at(identifier)


def row_for(
    instance: ReceivedInstance, spool: Spool, directory: Directory, now: datetime, ready: AsItCame | None = None
) -> dict[str, Any]:
    """Columns of the queue item of one received instance; the header is read, pixel data is not."""
    brief = read_brief(spool.path(instance.id), instance.dataset_offset, instance.transfer_syntax_uid)
    seen = brief.identity
    target = directory.resolve(instance.called_ae_title, instance.accepted_for)
    lost = target.meaning is Meaning.UNKNOWN
    state, prepared_at, not_before = QueueState.FAILED if lost else QueueState.NEW, None, instance.received_at
    if ready is not None and target.node_id is not None:
        delay = directory.current().delays.get(target.node_id, ready.process_delay)
        state, prepared_at, not_before = next_state(state, QueueEvent.PREPARED), now, now + delay
    return {
        "id": instance.id,
        "received_id": instance.id,
        "state": state,
        "source_ae_title": instance.calling_ae_title,
        "called_ae_title": instance.called_ae_title,
        "peer_address": instance.peer_address,
        "association_id": instance.association_id,
        "destination_ae_title": target.ae_title,
        "node_id": target.node_id,
        "sop_class_uid": instance.sop_class_uid,
        "sop_instance_uid": instance.sop_instance_uid,
        "study_instance_uid": seen.study_instance_uid,
        "series_instance_uid": seen.series_instance_uid,
        "modality": seen.modality,
        "patient_id": seen.patient_id,
        "patient_name": seen.patient_name,
        "accession_number": seen.accession_number,
        "transfer_syntax_uid": instance.transfer_syntax_uid,
        "size": instance.size,
        "checksum": instance.checksum,
        "dataset_offset": instance.dataset_offset,
        "lease_owner": "",
        "pending_state": "",
        "prepared_file": "",
        "script_version_id": ready.script_version_id if ready and prepared_at else None,
        "not_before": not_before,
        "prepared_at": prepared_at,
        "prepare_starts": 0,
        "attempt_count": 0,
        "last_error": no_node_answers(target.ae_title) if lost else brief.error,
        "warning": False,
        "created_at": instance.received_at,
        "updated_at": now,
    }


def no_node_answers(called_ae_title: str) -> str:
    """What is the matter with an image whose node was removed while the association went on, or not in a backup."""
    return f"no node answers to called AE title {called_ae_title!r}"


def enqueue(
    instances: Sequence[ReceivedInstance],
    spool: Spool,
    directory: Directory,
    *,
    actor: str,
    note: str = "",
    ready: AsItCame | None = None,
) -> int:
    """
    Insert the rows of durable files; those that exist already stay as they are.

    Returns how many were new.  django.db.Error when none was inserted.
    """
    if not instances:
        return 0
    now = timezone.now()
    rows = [row_for(instance, spool, directory, now, ready) for instance in instances]
    note_repeats(rows, spool)
    with transaction.atomic():
        fresh = insert_missing(QueueItem, rows)
        came = [row for row in rows if row["id"] in fresh]
        insert(HistoryEntry, [line for row in came for line in _history(row, actor, note, _renamed(row, directory))])
    return len(fresh)


def _renamed(row: dict[str, Any], directory: Directory) -> str:
    """Why it is for a node that its called AE title does not mean: empty where it does."""
    called = row["called_ae_title"]
    if called == row["destination_ae_title"] or directory.resolve(called).node_id == row["node_id"]:
        return ""
    return f"accepted for the node that was called {called!r} then"


def _history(row: dict[str, Any], actor: str, note: str, renamed: str) -> list[dict[str, Any]]:
    """That the image came, and that nothing had to be done to it where that is so."""
    prepared = row["prepared_at"] is not None
    itself = FOR_ITSELF if row["node_id"] is None and row["state"] == QueueState.NEW else ""
    came = {
        "item_id": row["id"],
        "at": row["created_at"],
        "event": RECEIVED,
        "from_state": "",
        "to_state": QueueState.NEW if prepared else row["state"],
        "actor": actor,
        "note": "; ".join(filter(None, (note or row["last_error"], renamed, words_for(row), itself))),
    }
    if not prepared:
        return [came]
    ready = {"at": row["prepared_at"], "event": QueueEvent.PREPARED, "note": ""}
    return [came, came | ready | {"from_state": QueueState.NEW, "to_state": row["state"]}]

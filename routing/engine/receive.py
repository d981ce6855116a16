"""Queue what is durable in the spool: rows follow the files, in small batches, and can be made again from them."""

from __future__ import annotations

import logging
import mmap
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import Error as DatabaseProblem
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from routing.application_log import first_line
from routing.checksum import checksum_of
from routing.core.ae_title import Meaning
from routing.core.identifiers import created_at
from routing.core.instance import ReceivedInstance
from routing.core.states import QueueState
from routing.engine.directory import Directory
from routing.engine.pace import Pace
from routing.engine.repeats import note_repeats, words_for
from routing.models import HistoryEntry, QueueItem
from routing.rows import insert
from routing.spool import Spool
from scripts_app.core.dataset.brief import read_brief
from scripts_app.core.dataset.file_meta import NotPart10, read_file_meta

log = logging.getLogger("capacitor.receive")

_BATCH = 64


def instance_in(path: Path, identifier: int, *, with_checksum: bool = False) -> ReceivedInstance:
    """
    Read back from a spool file what its row needs; NotPart10 or OSError when it can't be read.

    With a checksum the whole file is read: that of its writer is lost with the row.
    A file without our private elements (somebody put it there by hand) gets what
    its standard elements say.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        if not size:
            raise NotPart10("the file is empty")
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
            meta = read_file_meta(content)
    # Read, not mapped: a map would count as memory of this process, all of it.
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
        checksum=checksum,
    )


def _received_at(noted: object, identifier: int) -> datetime:
    """The moment that the listener noted; for a foreign file that of its identifier."""
    try:
        at = datetime.fromisoformat(str(noted))
    except ValueError:
        return created_at(identifier)
    return at if at.tzinfo else created_at(identifier)


def row_for(instance: ReceivedInstance, spool: Spool, directory: Directory, now: datetime) -> dict[str, Any]:
    """Columns of the queue item of one received instance; the header is read, pixel data is not."""
    brief = read_brief(spool.path(instance.id), instance.dataset_offset, instance.transfer_syntax_uid)
    seen = brief.identity
    target = directory.resolve(instance.called_ae_title)
    lost = target.meaning is Meaning.UNKNOWN
    return {
        "id": instance.id,
        "received_id": instance.id,
        "state": QueueState.FAILED if lost else QueueState.NEW,
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
        "not_before": instance.received_at,
        "prepare_starts": 0,
        "attempt_count": 0,
        "last_error": f"no node answers to called AE title {target.ae_title!r}" if lost else brief.error,
        "warning": False,
        "created_at": instance.received_at,
        "updated_at": now,
    }


def enqueue(
    instances: Sequence[ReceivedInstance], spool: Spool, directory: Directory, *, actor: str, note: str = ""
) -> int:
    """
    Insert the rows of durable files; those that exist already stay as they are.

    Returns how many were new.  django.db.Error when none was inserted.
    """
    if not instances:
        return 0
    now = timezone.now()
    rows = [row_for(instance, spool, directory, now) for instance in instances]
    note_repeats(rows, spool)
    with transaction.atomic():
        fresh = insert(QueueItem, rows, unless_there=True)
        insert(
            HistoryEntry,
            [
                {
                    "item_id": row["id"],
                    "at": row["created_at"],
                    "event": "received",
                    "from_state": "",
                    "to_state": row["state"],
                    "actor": actor,
                    "note": "; ".join(filter(None, (note or row["last_error"], words_for(row)))),
                }
                for row in rows
                if row["id"] in fresh
            ],
        )
    return len(fresh)


class RowWriter:
    """
    Writes rows behind the listener's back, so that no answer waits for the database.

    While the database is away the instances wait here and are tried again; what
    a kill takes from here the next start adopts from the files.
    """

    def __init__(self, spool: Spool, directory: Directory, *, actor: str, written: Callable[[], None]) -> None:
        self._spool, self._directory, self._actor, self._written = spool, directory, actor, written
        self._queue: queue.SimpleQueue[ReceivedInstance | None] = queue.SimpleQueue()
        self._pace = Pace()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="row-writer")
        self.failed: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def add(self, instance: ReceivedInstance) -> None:
        """Take a durable instance; returns at once."""
        self._queue.put(instance)

    def stop(self) -> None:
        """Write what is here, then end; what the database still refuses is left for adoption."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            while (batch := self._gather()) is not None and self._write(batch):
                pass
        except BaseException as error:
            self.failed = error
            raise
        finally:
            connection.close()

    def _gather(self) -> list[ReceivedInstance] | None:
        """At least one instance and, when a batch was written just now, what comes after it; None at the end."""
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        if self._queue.qsize() < _BATCH:
            # Not a wait in the queue: that would wake this thread for each instance, beside those that receive.
            time.sleep(self._pace.left)
        self._pace.begin()
        while len(batch) < _BATCH:
            try:
                more = self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            batch.append(more)
        return batch

    def _write(self, batch: list[ReceivedInstance]) -> bool:
        """Whether it came to the end; False when the database still refuses while the listener stops."""
        delay = 0.1
        while True:
            try:
                close_old_connections()
                enqueue(batch, self._spool, self._directory, actor=self._actor)
            except DatabaseProblem as error:
                text = first_line(error)
                log.error("database refuses %d received instances, which are safe in the spool: %s", len(batch), text)
                if self._stopping.wait(delay):
                    return False
                delay = min(delay * 2, 10)
            else:
                self._written()
                return True

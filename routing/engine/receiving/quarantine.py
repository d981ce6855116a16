"""What was refused and set aside: its rows, how long its files stay, and how a person takes one all the same."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.db import Error as DatabaseProblem
from django.db import close_old_connections, connection, transaction
from django.db.models import Q
from django.utils import timezone

from routing.core.identifiers import created_at
from routing.core.instance import ReceivedInstance, RefusedInstance
from routing.database.rows import insert_missing
from routing.dicom import status
from routing.engine.directory import Directory
from routing.engine.receiving.receive import enqueue, instance_in
from routing.models import QuarantinedInstance
from routing.processes.application_log import first_line
from routing.spool.quarantined import quarantined, quarantined_ids, set_aside_committed, take_back
from routing.spool.removal import Removal
from routing.spool.seal import Seal
from routing.spool.spool import Spool
from scripts_app.core.dataset.file_meta import NotPart10

log = logging.getLogger("capacitor.quarantine")

_MOST_WAITING = 1000
_BATCH = 64
MOST_ROWS = 10_000
"""A sender that is wrong for ever is told by the newest ones."""
_UNTOLD = "refused; the listener ended before it could note why"
_SETTLED = timedelta(minutes=1)


class QuarantineWriter:
    """
    Writes rows of refused instances behind the listener's back.

    Nobody was promised anything about them: while the database is away they
    are logged and let go, and housekeeping finds their files.
    """

    def __init__(self) -> None:
        self._queue: queue.Queue[RefusedInstance | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="quarantine-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, refused: RefusedInstance) -> None:
        """Take note of one; returns at once."""
        try:
            self._queue.put_nowait(refused)
        except queue.Full:
            log.warning("refused instance %d is not noted: too many at once", refused.instance.id)

    def stop(self) -> None:
        """Write what is here, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while batch := self._gather():
            try:
                close_old_connections()
                note(batch)
            except DatabaseProblem as error:
                log.error("%d refused instances could not be noted: %s", len(batch), first_line(error))
        connection.close()

    def _gather(self) -> list[RefusedInstance]:
        """At least one and what waits behind it; none at the end."""
        batch: list[RefusedInstance] = []
        refused = self._queue.get()
        while refused is not None:
            batch.append(refused)
            try:
                refused = self._queue.get_nowait() if len(batch) < _BATCH else None
            except queue.Empty:
                break
            if refused is None and len(batch) < _BATCH:
                # For the next turn, which ends.
                self._queue.put(None)
        return batch


def note(batch: Sequence[RefusedInstance]) -> None:
    """Write the rows of refused instances; those that are there already stay as they are."""
    rows = [
        {
            "id": refused.instance.id,
            "received_at": refused.instance.received_at,
            "source_ae_title": refused.instance.calling_ae_title,
            "called_ae_title": refused.instance.called_ae_title,
            "peer_address": refused.instance.peer_address,
            "association_id": refused.instance.association_id,
            "sop_class_uid": refused.instance.sop_class_uid,
            "sop_instance_uid": refused.instance.sop_instance_uid,
            "transfer_syntax_uid": refused.instance.transfer_syntax_uid,
            "size": refused.instance.size if refused.kept else 0,
            "status": refused.status,
            "reason": refused.reason,
        }
        for refused in batch
    ]
    insert_missing(QuarantinedInstance, rows)


def take(row: QuarantinedInstance, spool: Spool, directory: Directory, actor: str) -> int:
    """
    Queue a refused instance as if it had been acknowledged; its item has the same number.

    FileNotFoundError when its file is gone, NotPart10 when that is no longer a
    DICOM file, FileExistsError while it is being taken.  The file comes first: a kill before the row leaves a file that
    housekeeping adopts.
    """
    read = instance_in(quarantined(spool, row.id), row.id, with_checksum=True)
    # It may have lain here for longer than anything may wait in the queue.
    instance = replace(read, received_at=timezone.now())
    take_back(spool, row.id)
    with transaction.atomic():
        enqueue([instance], spool, directory, actor=actor, note=f"taken from quarantine; was refused: {row.reason}")
        discard(row, spool)
    return row.id


def set_aside_torn(spool: Spool, identifier: int, found: Seal, sealed: Seal) -> None:
    """
    Into the quarantine with a file that has its name and not the bytes that were written into it.

    The row comes first: a kill behind it leaves both, and the next look sets it aside once more.  It stays
    there for its time from now on, however old it is: where a row was lost, its sender may believe it safe.
    """
    reason = (
        f"{found.size:,} of {sealed.size:,} bytes are here" if found.size != sealed.size else "its bytes have changed"
    ) + ": the power went before its sender was told that it is safe, or the disk has damaged it"
    path = spool.path(identifier)
    try:
        instance = instance_in(path, identifier)
    except NotPart10:
        instance = _of_nobody(identifier, found.size)
    instance = replace(instance, received_at=timezone.now())
    note([RefusedInstance(instance, status.OUT_OF_RESOURCES, reason, kept=found.size > 0)])
    log.error("spool file %s goes into the quarantine: %s", path.name, reason)
    if found.size:
        set_aside_committed(spool, identifier)
    else:
        spool.discard(identifier)


def _of_nobody(identifier: int, size: int) -> ReceivedInstance:
    """Of a file that a power cut has emptied nothing tells whose it is."""
    return ReceivedInstance(
        id=identifier,
        calling_ae_title="",
        called_ae_title="",
        peer_address="",
        association_id="",
        sop_class_uid="",
        sop_instance_uid="",
        transfer_syntax_uid="",
        received_at=created_at(identifier),
        dataset_offset=0,
        size=size,
    )


def discard(row: QuarantinedInstance, spool: Spool) -> None:
    """Remove the row and, as soon as that is committed, the file: what does not come about takes nothing away."""
    QuarantinedInstance.objects.filter(pk=row.pk).delete()
    transaction.on_commit(lambda: quarantined(spool, row.id).unlink(missing_ok=True))


def keep_order(spool: Spool, kept: timedelta, most_bytes: int, remove: Removal | None = None) -> int:
    """
    Remove what is older than ``kept`` or beyond MOST_ROWS, then the oldest files beyond ``most_bytes``.

    Files without a row get one.  Returns how many files were removed; the row
    of one that ``remove`` has to leave there stays.
    """
    remove = remove or Removal()
    _adopt(spool, remove)
    # Not by number: a torn file has that of its reception, and is set aside perhaps a day later.
    rows = QuarantinedInstance.objects.order_by("-received_at", "-id")
    over = Q(received_at__lt=timezone.now() - kept)
    for at, identifier in rows.values_list("received_at", "id")[MOST_ROWS : MOST_ROWS + 1]:
        over |= Q(received_at__lt=at) | Q(received_at=at, id__lte=identifier)
    old = list(rows.filter(over, size__gt=0).values_list("id", flat=True))
    left = [identifier for identifier in old if not remove(quarantined(spool, identifier))]
    removed = len(old) - len(left)
    rows.filter(over).exclude(pk__in=left).delete()
    total = 0
    for identifier, size in rows.filter(size__gt=0).values_list("id", "size"):
        total += size
        if total > most_bytes and remove(quarantined(spool, identifier)):
            rows.filter(pk=identifier).update(size=0)
            removed += 1
    return removed


def _adopt(spool: Spool, remove: Removal) -> None:
    """A kill between a file and its row leaves the file: it is shown, too."""
    found = quarantined_ids(spool)
    known = set(QuarantinedInstance.objects.filter(id__in=found).values_list("id", flat=True)) if found else set()
    for identifier in found:
        if identifier in known:
            continue
        path = quarantined(spool, identifier)
        try:
            instance = instance_in(path, identifier)
        except FileNotFoundError:
            continue
        except (NotPart10, OSError):
            remove(path)
            continue
        if timezone.now() - instance.received_at > _SETTLED:
            note([RefusedInstance(instance, status.CANNOT_UNDERSTAND, _UNTOLD, kept=True)])

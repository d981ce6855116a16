"""Expire what waited too long, remove files and history whose time has come: files before the rows that name them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from routing.core.identifiers import EPOCH, LAST, first_at
from routing.core.states import FINAL_STATES, QueueEvent, QueueState, sources
from routing.engine.preparing.state_book import IDLE
from routing.models import (
    ApplicationLogLine,
    HistoryEntry,
    OperatorAction,
    OperatorStep,
    QueueItem,
    Rehearsal,
    ScopedState,
    ServiceProcess,
)
from routing.queue.record import Moved, record_for
from routing.spool.prepared import PreparedFiles
from routing.spool.removal import Removal
from routing.spool.spool import Spool, SpoolGone

log = logging.getLogger("capacitor.housekeeping")

_CHUNK = 500
"""Items handled in one transaction, so that no writer has to wait long."""
_MOST_LINES = 2_000_000
"""
Newest lines of the application log that are kept, however young the others are: half a gigabyte.

Whoever reaches the DICOM port can have lines written, by no more than connecting.
"""
_LINES_AT_ONCE = 50_000
_REHEARSALS = timedelta(days=30)
"""How long a rehearsal is remembered after its end; its images go earlier when their items do."""
_LATE = timedelta(seconds=10)
"""How much later than the page says Undo may still be pressed, and more."""
_CLOCKS = timedelta(days=1)
"""How far an item's moment and that of its identifier may be apart: clocks are set, files are adopted."""


def outlived(age: timedelta) -> QuerySet[QueueItem]:
    """
    Waiting and stuck items that were received longer ago than ``age``.

    One that somebody has put to work again since gets as long once more.
    """
    oldest = timezone.now() - age
    old = QueueItem.objects.filter(state__in=sources(QueueEvent.OUTLIVED), created_at__lt=oldest, lease_owner="")
    # Identifiers grow with time: what is younger need not be looked at, however long the queue is.
    # Before there were identifiers: a machine without a clock of its own got it before it was told the time.
    old = old.filter(id__lt=first_at(oldest + _CLOCKS), created_at__gte=EPOCH + _CLOCKS)
    again = (QueueEvent.PREPARE_AGAIN, QueueEvent.SEND_AGAIN, QueueEvent.REDIRECTED)
    revived = HistoryEntry.objects.filter(item=OuterRef("id"), event__in=again, at__gte=oldest)
    return old.exclude(Exists(revived)).order_by("id")


def expire(age: timedelta, ahead: timedelta = timedelta()) -> Moved:
    """Move what has outlived ``age``, by a clock that is ``ahead``, to Expired."""
    ids = list(outlived(age + ahead).values_list("id", flat=True)[:_CHUNK])
    why = f"older than {age / timedelta(hours=1):g} hours"
    done = record_for(QueueItem.objects.filter(id__in=ids), QueueEvent.OUTLIVED, actor="retention", note=why)
    if done.moved:
        log.warning("%d %s expired, %s", done.moved, "item has" if done.moved == 1 else "items have", why)
    return done


def purge_files(
    spool: Spool,
    files: PreparedFiles,
    kept: timedelta,
    *,
    scarce: bool = False,
    remove: Removal | None = None,
    since: datetime | None = None,
) -> int:
    """
    Remove the files of items that left the queue longer ago than ``kept``; returns how many received files.

    A received file stays as long as any item made from it may still need it:
    it is removed when all are Delivered or Dropped, or Expired for as long.
    Where room is ``scarce``, what left the queue goes at once (D5), but not what
    expired: nobody has received that, and the clock may be wrong that expired it.
    What a person may still take back has its file as long as that.
    Rows and files go in one transaction, so that nobody sends an item again
    whose file is about to go.  One that ``remove`` has to leave there stays in
    its row, too: without a row it would be adopted, and sent again.
    """
    remove = remove or Removal()
    now = timezone.now()
    over = min(now if scarce else now - kept, _undoable_since(now) or now)
    finished = Q(state__in=FINAL_STATES, finished_at__lt=over)
    gone = finished | Q(state=QueueState.EXPIRED, updated_at__lt=now - kept)
    in_use = QueueItem.objects.filter(received_id=OuterRef("received_id")).exclude(gone)
    originals = QueueItem.objects.filter(gone, purged_at=None).exclude(Exists(in_use))
    if since is not None:
        originals = originals.filter(id__gte=first_at(since))
    # To look through a long queue takes long; nobody has to wait for that.
    oldest = originals.order_by("id").values_list("received_id", flat=True)[: _CHUNK + len(remove.passed_over)]
    found = [identifier for identifier in oldest if spool.path(identifier) not in remove.passed_over][:_CHUNK]
    if not found:
        return 0
    with transaction.atomic():
        list(QueueItem.objects.filter(received_id__in=found).select_for_update().values_list("id"))
        # Asked again under the lock.
        received = sorted(set(originals.filter(received_id__in=found).values_list("received_id", flat=True)))
        prepared: dict[int, list[Path]] = {identifier: [] for identifier in received}
        made = QueueItem.objects.filter(received_id__in=received).exclude(prepared_file="")
        for identifier, name in made.values_list("received_id", "prepared_file"):
            prepared[identifier].append(files.path(name))
        purged = [identifier for identifier in received if remove(spool.path(identifier), *prepared[identifier])]
        if spool.gone:
            # On a volume that is not mounted files seem removed; back on it they would be adopted, and sent again.
            raise SpoolGone(spool.root)
        # A kill before the commit leaves rows that say "kept" for files that are gone; the next round rights them.
        QueueItem.objects.filter(received_id__in=purged).update(purged_at=timezone.now())
    return len(purged)


def _undoable(now: datetime) -> QuerySet[OperatorAction]:
    """The deeds of people that can still be taken back, or go on."""
    offered = Q(undo_until__gt=now - _LATE)
    silent = now - OperatorAction.SILENT
    goes_on = Q(undo_until=None) & (Q(at__gt=silent) | Q(beat_at__gt=silent))
    return OperatorAction.objects.filter(offered | goes_on, undone_at=None)


def _undoable_since(now: datetime) -> datetime | None:
    """When the first of them began."""
    began: datetime | None = _undoable(now).order_by("at").values_list("at", flat=True).first()
    return began


def forget_history(spool: Spool, kept: timedelta, *, remove: Removal | None = None) -> int:
    """
    Remove the rows of finished items whose files are gone and whose time is over; returns how many.

    A file may be back although its row says that it was removed: out of a
    backup that was made meanwhile, or because the power went and its disk, which
    need not be the database's, had not noted it yet.  It goes before its row,
    for without one it would be adopted, and sent again.
    """
    remove = remove or Removal()
    over = timezone.now() - kept
    old = QueueItem.objects.filter(purged_at__isnull=False, updated_at__lt=over)
    # As above: else each look would read all that has ever been delivered, which is most of the database.
    old = old.filter(id__lt=first_at(over + _CLOCKS))
    siblings = QueueItem.objects.filter(received_id=OuterRef("received_id"), purged_at=None)
    oldest = old.exclude(Exists(siblings)).order_by("id").values_list("id", "received_id")
    oldest = oldest[: _CHUNK + len(remove.passed_over)]
    rows = [row for row in oldest if spool.path(row[1]) not in remove.passed_over][:_CHUNK]
    if not rows:
        return 0
    removed = {received for received in {received for _, received in rows} if remove(spool.path(received))}
    if spool.gone:
        raise SpoolGone(spool.root)
    ids = [item for item, received in rows if received in removed]
    QueueItem.objects.filter(id__in=ids).delete()
    return len(ids)


def forget_idle(log_kept: timedelta, ahead: timedelta = timedelta()) -> None:
    """
    Remove scoped state without use, old log lines, steps of people and rehearsals, and processes long silent.

    ``ahead``: by how much the clock may be wrong.
    """
    now = timezone.now()
    ScopedState.objects.filter(used_at__lt=now - ahead - IDLE).delete()
    ApplicationLogLine.objects.filter(at__lt=now - ahead - log_kept).delete()
    _shorten_log()
    OperatorAction.objects.filter(at__lt=now - ahead - log_kept).delete()
    Rehearsal.objects.filter(ended_at__lt=now - ahead - _REHEARSALS).delete()
    ServiceProcess.objects.filter(seen_at__lt=now - timedelta(hours=1)).delete()
    # Anybody who reaches the log-in can make rows of these.
    Session.objects.filter(expire_date__lt=now).delete()
    AccessAttempt.objects.filter(attempt_time__lt=now - timedelta(days=1)).delete()
    AccessLog.objects.filter(attempt_time__lt=now - log_kept).delete()


def _shorten_log() -> None:
    """Remove the lines beyond MOST_LINES, in pieces: a flood may have left more than one transaction should hold."""
    lines = ApplicationLogLine.objects.order_by()
    ends = lines.aggregate(oldest=Min("pk"), newest=Max("pk"))
    if ends["newest"] is None:
        return
    # Their numbers are given in order; where some are missing, a few lines less are kept.
    first_kept = ends["newest"] - _MOST_LINES + 1
    for below in (*range(ends["oldest"] + _LINES_AT_ONCE, first_kept, _LINES_AT_ONCE), first_kept):
        lines.filter(pk__lt=below).delete()


def sweep(spool: Spool, files: PreparedFiles) -> int:
    """
    Remove what killed writers left: unfinished files, and prepared files that no row names.

    Not those of an item in somebody's hands: its row comes to name one when
    the image is through, which takes hours over a slow line.  Nor those that a
    row names again when a person takes back what was just done to it.
    """
    day = timedelta(days=1)
    swept = spool.sweep_parts(timedelta(hours=1)) + files.sweep_parts(3600)
    names = files.names(3600)
    for at in range(0, len(names), _CHUNK):
        part = names[at : at + _CHUNK]
        # First: who puts its item down meanwhile has named it before the next look.
        held = _held(part) | _given_back_by_undo(part)
        named = set(QueueItem.objects.filter(prepared_file__in=part).values_list("prepared_file", flat=True))
        swept += files.discard_unnamed(part, named | held)
    spool.prune_folders(timezone.now() - day)
    return swept


def _given_back_by_undo(names: Sequence[str]) -> set[str]:
    steps = OperatorStep.objects.filter(action__in=_undoable(timezone.now()), before__prepared_file__in=names)
    return set(steps.values_list("before__prepared_file", flat=True))


def _held(names: Sequence[str]) -> set[str]:
    """Prepared files that were made from items that a process holds now."""
    numbers = {name: name.partition("-")[0] for name in names}
    made_from = {name: int(number) for name, number in numbers.items() if number.isdecimal() and int(number) <= LAST}
    items = QueueItem.objects.filter(id__in=set(made_from.values())).exclude(lease_owner="")
    held = set(items.values_list("id", flat=True))
    return {name for name, item in made_from.items() if item in held}

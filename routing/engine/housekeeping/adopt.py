"""Adopt files without rows: what a kill, a power cut or a dead database left between a file and its row."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from routing.core.identifiers import LAST, first_at
from routing.core.instance import ReceivedInstance
from routing.engine.directory import Directory
from routing.engine.receiving.quarantine import set_aside_torn
from routing.engine.receiving.receive import enqueue, instance_in
from routing.models import QueueItem
from routing.spool.checksum import checksum_of
from routing.spool.seal import Seal, seal_of
from routing.spool.spool import Spool
from routing.spool.write_out import sync_file
from scripts_app.core.dataset.file_meta import NotPart10

log = logging.getLogger("capacitor.adopt")

_CHUNK = 500
_CLOCKS = timedelta(minutes=1)
"""Clocks of several hosts may differ by so much."""


def adopt(
    spool: Spool,
    directory: Directory,
    *,
    since: datetime | None,
    settled: timedelta = timedelta(0),
    unreadable: set[int] | None = None,
    queued: set[int] | None = None,
) -> int:
    """
    Make rows for durable files that have none; returns how many were made.

    Looks at files received from ``since`` on (None: all), and not at those of
    the last ``settled``, whose rows are probably on their way; a look at all
    includes those of the future, for the clock has been set back.  A file that
    can't be read as DICOM, or whose number another item has, stays where it is
    and is told in the log, once for everybody who brings the same set
    ``unreadable``; what has been put right or removed leaves that set.  One whose
    bytes are not those of its seal goes into the quarantine.  An hour whose folder
    the disk does not list is told, and keeps no other from being looked at.  The
    database is not asked again for what is in ``queued``, which holds all that
    this look has met with a row afterwards.
    """
    told = set() if unreadable is None else unreadable
    told -= {item for item in told if _is_gone(spool, item)}
    now = datetime.now(UTC)
    before, ahead = first_at(now - settled), first_at(now + _CLOCKS)
    ids = (
        item
        for item in spool.ids(None if since is None else first_at(since), pass_over=_pass_over)
        if item < before or (since is None and ahead < item <= LAST)
    )
    earlier, met = queued or set[int](), set[int]()
    adopted = 0
    while chunk := list(itertools.islice(ids, _CHUNK)):
        known = earlier.intersection(chunk)
        # An empty set costs no query.
        rows = dict(QueueItem.objects.filter(id__in=set(chunk) - known).values_list("id", "received_id"))
        known |= {item for item, received in rows.items() if received == item}
        for item in rows.keys() - known:
            # The row of a copy or replay, which has the file of another item.
            _tell(spool, item, told, "its number is that of another image's item; give the file one of its own")
        unknown = (item for item in chunk if item not in known and item not in rows)
        found = [instance for item in unknown for instance in _read(spool, item, told)]
        told -= known.union(instance.id for instance in found)
        adopted += enqueue(found, spool, directory, actor="recovery", note="adopted: the file was there without a row")
        met |= known
    if queued is not None:
        queued.clear()
        queued |= met
    if adopted:
        log.warning("%d received files without a row are in the queue now", adopted)
    return adopted


def _is_gone(spool: Spool, item: int) -> bool:
    try:
        spool.path(item).stat()
    except OSError as error:
        # What cannot even be looked at is still there, and no reason to look at nothing else.
        return isinstance(error, FileNotFoundError)
    return False


def _read(spool: Spool, item: int, told: set[int]) -> list[ReceivedInstance]:
    path = spool.path(item)
    try:
        sealed = seal_of(path)
        if sealed is None:
            return [instance_in(path, item, with_checksum=True)]
        found = Seal(path.stat().st_size, checksum_of(path))
        if found == sealed:
            # A kill before its barrier leaves it whole in memory alone, and nobody looks at its seal once it has a row.
            sync_file(path)
            return [replace(instance_in(path, item), checksum=sealed.checksum)]
        set_aside_torn(spool, item, found, sealed)
        return []
    except FileNotFoundError:
        return []
    except (NotPart10, OSError) as error:
        _tell(spool, item, told, error)
        return []


def _pass_over(hour: str, error: OSError) -> None:
    log.error("spool folder %s cannot be listed, and nothing in it adopted: %s", hour, error.strerror)


def _tell(spool: Spool, item: int, told: set[int], why: object) -> None:
    if item not in told:
        told.add(item)
        log.error("spool file %s cannot be adopted: %s", spool.path(item).name, why)

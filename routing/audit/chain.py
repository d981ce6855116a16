"""Seal the audit log link by link, check the chain, and cut its old end off so that the rest can still be checked."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from routing.models import AuditRecord, AuditSeal

_LONGEST_WAIT = 2.0
"""Seconds that a seal waits for those who write records; then it is tried again in the next round."""
_LOOK = 0.02
AT_ONCE = 1000
"""Records of one link at most."""
_LINKS_AT_ONCE = 20
_SIZE = hashlib.sha256().digest_size
_COLUMNS = ("pk", "at", "actor", "action", "object", "node_id", "detail", "address", "outcome")


def seal() -> int:
    """
    Add one link for records that have none; returns how many it holds.

    Two that seal at once cannot fork the chain: a link has one successor, and
    the later one gets an IntegrityError, which means that nothing is to be done.
    """
    head = AuditSeal.objects.order_by("-pk").values_list("hash", "last_record").first()
    previous, sealed = head or ("", 0)
    upto = _settled()
    rows = list(_records().filter(pk__gt=sealed, pk__lte=upto).order_by("pk")[:AT_ONCE])
    if not rows:
        return 0
    link = AuditSeal(
        at=timezone.now(),
        first_record=rows[0]["pk"],
        last_record=rows[-1]["pk"],
        records=[row["pk"] for row in rows],
        digests=b"".join(map(_digest, rows)),
        previous=previous,
    )
    link.hash = _hash(link)
    link.save(force_insert=True)
    return len(rows)


def _settled() -> int:
    """A number at or below which no record can appear any more."""
    newest = _newest()
    if connection.vendor == "postgresql":
        # Numbers are given out before the commit: a smaller one may belong to somebody who has not ended yet.
        _outlast_writers()
    return newest


def _outlast_writers() -> None:
    """
    Return when all have ended who write records now; OperationalError when somebody takes too long.

    They are only looked at.  A lock on the table would end each VACUUM of it, and
    nobody could write a record while it was waited for.
    """
    until = time.monotonic() + _LONGEST_WAIT
    writing = before = _writers()
    while writing:
        if time.monotonic() > until:
            pid = next(iter(writing.values()))
            raise OperationalError(f"process {pid} of the database has written records and does not end")
        time.sleep(_LOOK)
        writing = {one: pid for one, pid in _writers().items() if one in before}


def _writers() -> dict[str, int | None]:
    """The transactions of others that may write records, with their processes in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT virtualtransaction, pid FROM pg_locks WHERE relation = %s::regclass AND mode = 'RowExclusiveLock'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND pid IS DISTINCT FROM pg_backend_pid()",
            [AuditRecord._meta.db_table],
        )
        return dict(cursor.fetchall())


def _newest() -> int:
    return AuditRecord.objects.aggregate(newest=Max("pk"))["newest"] or 0


def _records() -> Any:
    return AuditRecord.objects.values(*_COLUMNS)


def _digest(row: dict[str, Any]) -> bytes:
    told = [row["at"].astimezone(UTC).isoformat() if name == "at" else row[name] for name in _COLUMNS]
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).digest()


def _hash(link: AuditSeal) -> str:
    removed = [link.removed_seal, link.removed_record, link.removed_hash]
    told = [
        link.previous,
        link.at.astimezone(UTC).isoformat(),
        link.first_record,
        link.last_record,
        link.records,
        removed,
    ]
    return hashlib.sha256(json.dumps(told).encode() + bytes(link.digests)).hexdigest()


def shorten(kept: timedelta) -> int:
    """
    Remove the oldest links whose newest record is older than this, with their records; returns how many records.

    First a new link says what goes, by the hash of the last removed one: what
    is missing without being announced so is found.
    """
    over = timezone.now() - kept
    head, last = AuditSeal.objects.order_by("-pk").first(), None
    # Links are made after their records: an old link has only old ones.
    for link in AuditSeal.objects.order_by("pk").only("pk", "at", "last_record", "hash")[:_LINKS_AT_ONCE]:
        if link.at >= over or link == head:
            break
        last = link
    if last is None or head is None:
        return 0
    with transaction.atomic():
        told = AuditSeal(
            at=timezone.now(),
            last_record=head.last_record,
            previous=head.hash,
            removed_seal=last.pk,
            removed_record=last.last_record,
            removed_hash=last.hash,
        )
        told.hash = _hash(told)
        told.save(force_insert=True)
        removed, _ = AuditRecord.objects.filter(pk__lte=last.last_record).delete()
        AuditSeal.objects.filter(pk__lte=last.pk).delete()
    return removed


@dataclass(frozen=True, slots=True)
class Examination:
    """What a look at the whole chain found."""

    findings: tuple[str, ...]
    sealed: int
    """Records that have been compared with their digest."""
    open: int
    """Records that no link covers yet."""
    head: str
    """``link:hash`` of the newest link; kept elsewhere, it shows later that nothing was cut off at this end."""
    since: datetime | None
    """The oldest record."""


def verify(expected: str = "") -> Examination:
    """Compare every record with its digest and every link with the one before; ``expected`` is a former head."""
    while True:
        removed = _removed()
        found = _look(expected)
        # What retention has removed meanwhile was announced by a link that was not looked at.
        if not found.findings or _removed() == removed:
            return found


def _removed() -> int:
    """The newest link that was removed."""
    return AuditSeal.objects.aggregate(newest=Max("removed_seal"))["newest"] or 0


def _look(expected: str) -> Examination:
    findings: list[str] = []
    sealed, newest, previous = 0, 0, None
    name, _, value = expected.partition(":")
    noted = ""
    last: int | None = None
    announced = set(AuditSeal.objects.exclude(removed_hash="").values_list("removed_hash", flat=True))
    for link in AuditSeal.objects.order_by("pk").iterator(chunk_size=20):
        if previous is None:
            if link.previous and link.previous not in announced:
                findings.append(f"links before {link.pk} are missing, and no removal was announced")
        elif link.previous != previous:
            findings.append(f"link {link.pk} does not follow the one before it: links are missing, added or reordered")
        if _hash(link) != link.hash:
            findings.append(f"link {link.pk} has been changed")
        findings += _compare(link, last)
        sealed += len(link.records)
        last, newest, previous = link.last_record, link.pk, link.hash
        # Of years there are too many links to remember them all.
        noted = link.hash if str(link.pk) == name else noted
    if expected and noted != value:
        findings.append(f"the chain does not hold the link {name} that was noted: it was made anew or cut off")
    head = f"{newest}:{previous}" if newest else ""
    oldest = AuditRecord.objects.order_by("pk").values_list("at", flat=True).first()
    return Examination(tuple(findings), sealed, AuditRecord.objects.filter(pk__gt=last or 0).count(), head, oldest)


def _compare(link: AuditSeal, last: int | None) -> Iterator[str]:
    """What differs between the records behind number ``last`` and what the next link says of them."""
    if link.first_record is None:
        return
    digests = bytes(link.digests)
    known = {number: digests[at * _SIZE : (at + 1) * _SIZE] for at, number in enumerate(link.records)}
    rows = _records().filter(pk__lte=link.last_record)
    # Before the first link there is nothing: what stands there was put in.
    found = {row["pk"]: row for row in (rows if last is None else rows.filter(pk__gt=last))}
    for number in sorted(known.keys() | found.keys()):
        if number not in found:
            yield f"record {number} is missing"
        elif number not in known:
            yield f"record {number} was put in later"
        elif _digest(found[number]) != known[number]:
            yield f"record {number} has been changed"

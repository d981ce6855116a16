"""Where audit records go: the database, or a file that waits for it; never nowhere."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from routing.database.rows import insert
from routing.folders import data_folder
from routing.models import AuditRecord

log = logging.getLogger("capacitor.audit")
Row = Mapping[str, Any]


class AuditUnavailable(Exception):
    """What was to be done or shown cannot be recorded, so it must not be."""


def waiting_file() -> Path:
    """Records that the database did not take, one JSON object a line."""
    return data_folder() / "audit-waiting.jsonl"


def unreadable_file() -> Path:
    """What stood among them and is none."""
    return waiting_file().with_name("audit-unreadable.jsonl")


def keep(rows: Sequence[Row]) -> None:
    """
    Record these; the rows have all the same columns.  AuditUnavailable when they can be written nowhere.

    Call it in the transaction of the deed.  What the database refuses goes to a
    file on the disk before the deed is committed: at worst a record tells of a
    deed that was rolled back.  With CAPACITOR_AUDIT_STRICT there is no such way
    out for what people do.
    """
    if not rows:
        return
    try:
        with transaction.atomic():
            insert(AuditRecord, rows)
    except DatabaseError as error:
        if connection.needs_rollback:
            # Not the audit log alone: the deed itself cannot be written.
            raise
        log.error("the audit log cannot be written (%s); records wait in a file", type(error).__name__)
        _wait(rows)


def keep_strictly(rows: Sequence[Row]) -> None:
    """The same without the file, where the settings want it so: AuditUnavailable as soon as the table takes nothing."""
    if not settings.CAPACITOR.audit_strict:
        keep(rows)
        return
    try:
        with transaction.atomic():
            insert(AuditRecord, rows)
    except DatabaseError as error:
        log.error("the audit log cannot be written (%s); what would be recorded is refused", type(error).__name__)
        raise AuditUnavailable from error


def _wait(rows: Sequence[Row]) -> None:
    lines = "".join(json.dumps({**row, "at": row["at"].isoformat()}) + "\n" for row in rows)
    try:
        with _locked() as file:
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                # A power cut may have left half a line.
                lines = lines if file.read(1) == b"\n" else f"\n{lines}"
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        log.error("the audit log cannot be written, and neither can its file: %s", error)
        raise AuditUnavailable from error


@contextlib.contextmanager
def _locked() -> Iterator[Any]:
    descriptor = os.open(waiting_file(), os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        # Web site and workers share the file.
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def are_waiting() -> bool:
    """Whether records wait for the database."""
    path = waiting_file()
    return path.is_file() and path.stat().st_size > 0


def catch_up() -> int:
    """Bring what waits into the database, in its order; returns how many.  DatabaseError leaves all of it waiting."""
    if not are_waiting():
        return 0
    with _locked() as file:
        rows, unreadable = [], []
        for line in filter(bytes.strip, file.read().splitlines()):
            try:
                rows.append(_row(line))
            except (ValueError, KeyError, TypeError):
                unreadable.append(line)
        with transaction.atomic():
            for row in rows:
                insert(AuditRecord, [row])
        if unreadable:
            aside = unreadable_file()
            with aside.open("ab") as kept:
                kept.writelines(line + b"\n" for line in unreadable)
            aside.chmod(0o600)
            log.error("%d lines of waiting audit records cannot be read; they are kept in %s", len(unreadable), aside)
        file.truncate(0)
        os.fsync(file.fileno())
    log.warning("%d audit records that waited in a file are in the database now", len(rows))
    return len(rows)


def _row(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    return {**row, "at": datetime.fromisoformat(row["at"])}

"""Samples for the workshop: files made in a process of their own, and the next received image that meets conditions."""

from __future__ import annotations

import hmac
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.engine.reading.file_reader import CannotRead, ask
from routing.models import QueueItem
from routing.spool.spool import Spool
from scripts_app.models import SampleCapture
from scripts_app.outside import NoSample, SampleCopy
from scripts_app.trying.kept_samples import MOST_BYTES, NotKept, keep_capture

_MOST_ITEMS = 100
"""Images that one look of one capture goes through."""
_LATE = timedelta(seconds=30)
"""Rows of several listeners may appear later than their identifiers say."""


def made(
    paths: Sequence[Path], conditions: Sequence[dict[str, Any]], *, deidentified: bool
) -> tuple[int, SampleCopy] | None:
    """
    The first of the files that meets the conditions, as a sample, and which it was; None when there is none.

    NoSample when a single file cannot be used, or the conditions need too long.
    """
    key = hmac.digest(settings.SECRET_KEY.encode(), b"samples", "sha256").hex() if deidentified else None
    with tempfile.TemporaryDirectory(prefix="sample-") as folder:
        target = Path(folder) / "sample.dcm"
        question = {"paths": list(map(str, paths)), "conditions": conditions, "key": key, "target": str(target)}
        try:
            told, _ = ask("sample_program", question)
        except CannotRead as error:
            raise NoSample(str(error).rstrip(".")) from None
        if told["at"] is None:
            return None
        return told["at"], SampleCopy(target.read_bytes(), told["about"], deidentified, told["note"])


def look_for_captures(spool: Spool) -> None:
    """Give each person who waits for an image the first that has come since; costs one query when nobody waits."""
    now = timezone.now()
    for capture in SampleCapture.objects.filter(sample=None, problem="", expires_at__gt=now):
        try:
            _look(capture, spool)
        except (NoSample, NotKept) as error:
            SampleCapture.objects.filter(pk=capture.pk).update(problem=str(error)[:500])


def _look(capture: SampleCapture, spool: Spool) -> None:
    items = QueueItem.objects.filter(id__gt=capture.looked_until, received_id=F("id"), size__lte=MOST_BYTES)
    if capture.source_ae_title:
        items = items.filter(source_ae_title=capture.source_ae_title)
    if capture.called_ae_title:
        items = items.filter(called_ae_title=capture.called_ae_title)
    rows = list(items.order_by("id").values_list("id", "source_ae_title", "called_ae_title")[:_MOST_ITEMS])
    here = [(row, path) for row in rows if (path := spool.path(row[0])).is_file()]
    until = first_at(timezone.now() - _LATE)
    if len(rows) == _MOST_ITEMS:
        until = min(until, rows[-1][0])
    if here:
        found = made([path for _, path in here], capture.conditions, deidentified=capture.deidentify)
        if found is not None:
            (item, source, called), _ = here[found[0]]
            keep_capture(capture, found[1], source, called, f"item {item}")
            return
    done = sum(row[0] <= until for row, _ in here)
    # Not by save(): the person may have given it up meanwhile.
    SampleCapture.objects.filter(pk=capture.pk).update(
        looked_until=max(until, capture.looked_until), looked_at=F("looked_at") + done
    )

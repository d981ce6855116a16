"""Who was refused is listed for people, and cannot fill the list."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from routing.engine.receiving import refused
from routing.engine.receiving.refused import note_unknown_sender
from routing.models import UnknownSender

pytestmark = pytest.mark.django_db


def broken(*_: Any, **__: Any) -> Any:
    raise OperationalError("the database is away")


def test_a_refused_sender_is_listed_once_and_counted() -> None:
    for _ in range(3):
        note_unknown_sender("CT_9", "192.0.2.9", "PACS")
    note_unknown_sender("CT_9", "192.0.2.9", "AI")
    rows = UnknownSender.objects.order_by("called_ae_title").values_list("called_ae_title", "count")
    assert list(rows) == [("AI", 1), ("PACS", 3)]
    first, last = UnknownSender.objects.filter(count=3).values_list("first_seen_at", "last_seen_at")[0]
    assert first < last


def test_a_scanner_cannot_fill_the_database_nor_hide_who_comes_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "_MOST_UNKNOWN", 3)
    for number in range(5):
        note_unknown_sender(f"SCAN_{number}", "192.0.2.9", "PACS")
    UnknownSender.objects.filter(ae_title="SCAN_4").update(last_seen_at=timezone.now() - timedelta(days=1))
    note_unknown_sender("CT_9", "192.0.2.7", "PACS")
    assert set(UnknownSender.objects.values_list("ae_title", flat=True)) == {"SCAN_2", "SCAN_3", "CT_9"}


def test_a_database_that_is_away_matters_to_no_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UnknownSender.objects, "filter", broken)
    note_unknown_sender("CT_9", "192.0.2.9", "PACS")

"""Many rows in one statement; texts that a database would refuse are made to fit."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from routing.models import AuditRecord, HistoryEntry, ItemLogLine, QueueItem
from routing.rows import insert
from tests.builders import queue_item

pytestmark = pytest.mark.django_db


def row_of(item: QueueItem, **columns: Any) -> dict[str, Any]:
    return {field.attname: getattr(item, field.attname) for field in item._meta.concrete_fields} | columns


def test_rows_are_inserted_and_their_keys_returned() -> None:
    pattern = queue_item()
    assert insert(QueueItem, [row_of(pattern, id=pattern.id + n, patient_id=f"P-{n}") for n in (1000, 2000)]) == {
        pattern.id + 1000,
        pattern.id + 2000,
    }
    assert QueueItem.objects.get(id=pattern.id + 2000).patient_id == "P-2000"


def test_a_row_whose_key_exists_stays_as_it_is_and_is_not_returned() -> None:
    item = queue_item(patient_id="FIRST")
    rows = [row_of(item, patient_id="SECOND"), row_of(item, id=item.id + 500, patient_id="NEW")]
    assert insert(QueueItem, rows, unless_there=True) == {item.id + 500}
    item.refresh_from_db()
    assert item.patient_id == "FIRST"


def test_no_rows_are_no_statement() -> None:
    assert insert(QueueItem, []) == set()


def test_more_rows_than_one_statement_can_carry_take_several() -> None:
    item = queue_item()
    line = {"item_id": item.id, "at": timezone.now(), "level": "info", "source": "script", "text": "line"}
    assert len(insert(ItemLogLine, [line] * 7000)) == 7000


def test_texts_are_cut_to_their_column_and_lose_what_no_database_takes() -> None:
    pattern = queue_item()
    row = row_of(
        pattern, id=pattern.id + 3000, patient_id="x" * 300, patient_name="A\0B\ud800C", accession_number="Ä" * 20
    )
    insert(QueueItem, [row])
    kept = QueueItem.objects.get(id=pattern.id + 3000)
    assert (kept.patient_id, kept.patient_name, kept.accession_number) == ("x" * 64, "AB?C", "Ä" * 16)


def test_long_texts_and_json_lose_nul_and_half_characters_too() -> None:
    item = queue_item()
    insert(
        ItemLogLine, [{"item_id": item.id, "at": item.created_at, "level": "info", "source": "x", "text": "a\0b\udfff"}]
    )
    detail = {"changes": [{"old\0": "1\0", "new": "\ud83d", "line": 3}]}
    insert(AuditRecord, [{"at": item.created_at, "actor": "a", "action": "b", "object": "c", "detail": detail}])
    assert ItemLogLine.objects.get().text == "ab?"
    assert AuditRecord.objects.get().detail == {"changes": [{"old": "1", "new": "?", "line": 3}]}


def test_a_failing_statement_leaves_nothing_when_it_runs_in_a_transaction() -> None:
    item = queue_item()
    entry = {"item_id": item.id, "at": item.created_at, "event": "e", "from_state": "", "to_state": "", "actor": "a"}
    with pytest.raises(DatabaseError), transaction.atomic():
        insert(HistoryEntry, [entry | {"note": ""}, entry | {"note": None}])
    assert not HistoryEntry.objects.exists()

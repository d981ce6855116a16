"""Many rows at once; texts that a database would refuse are made to fit."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.database.rows import insert, insert_missing
from routing.models import AuditRecord, HistoryEntry, ItemLogLine, QueueItem
from tests.builders import queue_item

pytestmark = pytest.mark.django_db


def row_of(item: QueueItem, **columns: Any) -> dict[str, Any]:
    return {field.attname: getattr(item, field.attname) for field in item._meta.concrete_fields} | columns


@pytest.mark.parametrize("put", [insert, insert_missing])
def test_rows_are_inserted_with_their_values(put: Callable[..., Any]) -> None:
    pattern = queue_item()
    put(QueueItem, [row_of(pattern, id=pattern.id + n, patient_id=f"P-{n}") for n in (1000, 2000)])
    assert QueueItem.objects.get(id=pattern.id + 2000).patient_id == "P-2000"


def test_a_row_whose_key_exists_stays_as_it_is_and_is_not_returned() -> None:
    item = queue_item(patient_id="FIRST")
    rows = [row_of(item, patient_id="SECOND"), row_of(item, id=item.id + 500, patient_id="NEW")]
    assert insert_missing(QueueItem, rows) == {item.id + 500}
    item.refresh_from_db()
    assert item.patient_id == "FIRST"


def test_no_rows_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert(QueueItem, [])
        assert insert_missing(QueueItem, []) == set()


def test_any_number_of_rows_takes_the_same_few_statements() -> None:
    item = queue_item()
    line = {"item_id": item.id, "at": timezone.now(), "level": "info", "source": "script", "text": "line"}
    numbers = (1, 7, 64, 150, 7000)
    with CaptureQueriesContext(connection) as queries:
        for number in numbers:
            insert(ItemLogLine, [line] * number)
    assert ItemLogLine.objects.count() == sum(numbers)
    # Django tells "7 times: INSERT ...".
    assert len({query["sql"].partition(" times: ")[2] for query in queries if "INSERT" in query["sql"]}) == 1
    with CaptureQueriesContext(connection) as queries:
        keys = [item.id + n for n in range(1, 1000)]
        assert insert_missing(QueueItem, [row_of(item, id=key) for key in keys]) == set(keys)
    lengths = {query["sql"].count(" (") for query in queries if "INSERT" in query["sql"]}
    assert len(lengths) == 3


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

"""The list as a file: the same items, the same masks, and nothing that a spreadsheet would run."""

import csv
import html
import io
import json
import re

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.utils import timezone

from routing.models import AuditRecord
from routing.views import row_file
from tests.builders import queue_item
from tests.pages.people import person, visitor

pytestmark = pytest.mark.django_db


def fetch(kind, query="", *, phi=True):
    """The whole file, as an event loop serves it."""
    client = AsyncClient()
    client.force_login(person("viewer", phi=phi))

    async def read():
        answer = await client.get(f"/queue/export.{kind}?{query}")
        assert answer.status_code == 200
        return answer, b"".join([piece async for piece in answer.streaming_content]).decode()

    return async_to_sync(read)()


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_files_hold_what_the_filter_finds_newest_first(monkeypatch):
    monkeypatch.setattr(row_file, "CHUNK", 2)
    for number in range(1, 6):
        queue_item("Failed" if number != 3 else "Delivered", id=number, patient_name="MÜLLER^EVA")
    answer, text = fetch("csv", "state=Failed")
    assert [row["id"] for row in table(text)] == ["5", "4", "2", "1"]
    assert {row["patient_name"] for row in table(text)} == {"MÜLLER^EVA"}
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'attachment; filename="queue-' in answer["Content-Disposition"]
    rows = json.loads(fetch("json", "state=Failed")[1])
    assert [row["id"] for row in rows] == ["5", "4", "2", "1"]
    assert rows[0]["size"] == 1000
    assert "recipe" not in rows[0]


def test_a_program_that_counts_in_floats_reads_the_number_that_the_page_has():
    item = queue_item("Failed", id=61741233929101654, copied_from=61741233929101653, replay_of=61741233929101651)
    queue_item("Failed", id=1)
    (row, plain) = json.loads(fetch("json")[1], parse_int=float)
    assert [row[name] for name in ("id", "copied_from", "replay_of")] == [
        str(number) for number in (item.pk, item.copied_from, item.replay_of)
    ]
    assert (plain["id"], plain["copied_from"], plain["replay_of"]) == ("1", None, None)
    assert visitor().get(f"/queue/{row['id']}/").status_code == 200


def test_no_items_are_an_empty_table_and_an_empty_list():
    assert table(fetch("csv")[1]) == []
    assert json.loads(fetch("json")[1]) == []


def test_patients_are_masked_and_the_export_is_audited():
    queue_item("Failed", patient_name="SMITH^J", patient_id="ID-8", accession_number="ACC-8", last_error="no SMITH")
    for kind in ("csv", "json"):
        text = fetch(kind, "q=x", phi=False)[1] + fetch(kind, phi=False)[1]
        assert not any(value in text for value in ("SMITH", "ID-8", "ACC-8"))
    record = AuditRecord.objects.last()
    assert (record.actor, record.action, record.detail) == ("the viewer", "export csv", {"filter": "q=x"})


@pytest.mark.fault(115)
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1+1"])
def test_no_value_is_a_formula_in_a_spreadsheet(text):
    queue_item("Failed", patient_name=text, last_error=f"{text} said the node")
    row = table(fetch("csv")[1])[0]
    assert row["patient_name"] == f"'{text}"
    assert row["last_error"].startswith("'")
    assert json.loads(fetch("json")[1])[0]["patient_name"] == text


@pytest.mark.fault(115, "behind a semicolon, which parts the columns in much of Europe, and on a line of its own")
@pytest.mark.parametrize("apart", [";", "\n", "\r\n"])
def test_no_part_of_a_value_is_a_formula_where_semicolons_part_the_columns(apart):
    name = f"x{apart}=1+1{apart}-1{apart}y; 2"
    queue_item("Failed", patient_name=name)
    text = fetch("csv")[1]
    cells = [
        cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=";", quoting=csv.QUOTE_NONE) for cell in row
    ]
    assert "'=1+1" in cells and not [cell for cell in cells if cell.startswith(("=", "-"))]
    assert json.loads(fetch("json")[1])[0]["patient_name"] == name


def test_numbers_stay_numbers():
    assert row_file.harmless(-5) == -5
    assert row_file.harmless("") == ""


def test_somebody_without_a_role_gets_no_file():
    assert visitor("nobody").get("/queue/export.csv").status_code == 403


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_node_s_comment_is_in_the_file_only_for_those_who_may_see_patients(kind):
    queue_item("Rejected", last_error="PACS answered 0xC000 (Failure: X): MEIER^A?", prepared_at=timezone.now())
    blind = fetch(kind, phi=False)[1]
    assert "PACS answered 0xC000 (Failure: X): " in blind
    assert "MEIER" not in blind
    assert "MEIER^A?" in fetch(kind)[1]


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("query", ["patient=NOBODY", "since=tomorrowish", "state=Lost"])
def test_no_file_is_made_of_more_than_was_asked_for(kind, query):
    queue_item("Failed")
    refused = visitor("viewer").get(f"/queue/export.{kind}?{query}")
    assert refused.status_code == 400
    assert b"is left out" in refused.content
    assert not AuditRecord.objects.filter(action=f"export {kind}").exists()


@pytest.mark.parametrize("list_of", ["", "?before=9", "?state=Failed", "?sort=-size"])
def test_the_links_below_the_list_lead_to_the_files(list_of):
    queue_item("Failed", id=1, size=1)
    page = visitor("viewer").get(f"/queue/{list_of}").content.decode()
    links = re.findall(r'href="([^"]*export[^"]*)"', page)
    assert len(links) == 2
    assert [visitor("viewer").get(html.unescape(link)).status_code for link in links] == [200, 200]

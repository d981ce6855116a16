"""The application log and the audit log."""

import csv
import json
import re
from datetime import UTC, datetime

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from routing.forms import log_filter
from routing.models import ApplicationLogLine, AuditRecord
from routing.views import logs, row_file
from tests.builders import node
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


def line(level, message, at=None):
    ApplicationLogLine.objects.create(
        at=at or timezone.now(), level=level, process="worker", logger="l", message=message
    )


def text_of(answer):
    """What a streamed file holds."""

    async def read():
        return b"".join([part async for part in answer.streaming_content]).decode()

    return async_to_sync(read)()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/logs/", {"details", "news", "trouble"}),
        ("/logs/?level=WARNING", {"trouble"}),
        ("/logs/?level=INFO", {"news", "trouble"}),
        ("/logs/?q=NEW", {"news"}),
        ("/logs/?level=nonsense", {"details", "news", "trouble"}),
    ],
)
def test_the_application_log_is_filtered_by_least_level_and_text(address, shown):
    line("DEBUG", "details")
    line("INFO", "news")
    line("ERROR", "trouble")
    page = visitor().get(address).content.decode()
    assert {text for text in ("details", "news", "trouble") if f'"text">{text}<' in page} == shown


def test_the_log_goes_on_page_by_page(monkeypatch):
    monkeypatch.setattr(logs, "PAGE", 2)
    for number in range(5):
        line("INFO", f"line-{number}")
    client = visitor()
    first = client.get("/logs/?level=INFO").content.decode()
    assert "line-4" in first
    assert "line-2" not in first
    oldest = ApplicationLogLine.objects.get(message="line-3").pk
    assert f'href="?level=INFO&amp;before={oldest}"' in first
    assert "line-2" in client.get(f"/logs/?level=INFO&before={oldest}", headers=HTMX).content.decode()


def test_the_audit_log_hides_values_from_those_who_may_not_see_patients():
    AuditRecord.objects.create(
        at=timezone.now(), actor="worker", action="Set", object="item 7", detail={"0010,0020": ["P-1", "P-2"]}
    )
    assert "P-1 → P-2" in visitor("operator", phi=True).get("/logs/audit/").content.decode()
    seen = visitor("viewer").get("/logs/audit/?q=item 7").content.decode()
    assert "0010,0020" in seen
    assert "P-1" not in seen


@pytest.mark.parametrize("kept", [("verdict", "changes", "routes"), ("routes", "changes", "verdict")])
def test_the_edits_and_routes_of_a_script_are_told_one_by_one_in_whatever_order_the_database_keeps_them(kept):
    change = {"operation": "Set", "path": "0010,0020", "keyword": "PatientID", "old": None, "new": "P-2", "entry": 2}
    route = {"operation": "Add", "destination": "RESEARCH", "entry": 3, "line": 7}
    told = {"verdict": "prepared", "changes": [change], "routes": [route]}
    AuditRecord.objects.create(
        at=timezone.now(), actor="script version 4", action="run scripts", object="item 7",
        detail={name: told[name] for name in kept},
    )  # fmt: skip
    seen = words(visitor("operator", phi=True).get("/logs/audit/"))
    assert "verdict prepared entry 2 Set 0010,0020 PatientID: nothing → P-2 entry 3 route:Add(RESEARCH)" in seen
    assert "Set 0010,0020 PatientID: nothing → •••" in words(visitor("viewer").get("/logs/audit/"))


def test_of_thousands_of_edits_of_one_image_a_page_tells_the_first_and_a_file_all():
    edit = {"operation": "Set", "path": "0010,0020", "keyword": "PatientID", "old": "P", "entry": 1}
    changes = [edit | {"new": f"P-{number}-"} for number in range(1, 3001)]
    routes = [{"operation": "Drop", "destination": "PACS", "entry": 1, "line": 2}]
    AuditRecord.objects.create(
        at=timezone.now(), actor="script version 4", action="run scripts", object="item 7",
        detail={"verdict": "dropped", "changes": changes, "routes": routes},
    )  # fmt: skip
    client = visitor("operator", phi=True)
    seen = words(client.get("/logs/audit/"))
    assert "P-100- " in seen
    assert "P-101- " not in seen
    assert "route:Drop(PACS) … 2 900 more changes, in the files of this log" in seen
    assert text_of(client.get("/logs/audit.jsonl")).count("0010,0020 PatientID") == 3000


@pytest.mark.parametrize("number", [1, 2, 3])
def test_several_changes_are_a_list_and_not_one_that_became_the_other(number):
    changes = [f"changed: entry {each}" for each in range(number)]
    AuditRecord.objects.create(
        at=timezone.now(), actor="ann", action="edit", object="draft", detail={"changes": changes}
    )
    assert f"changes {'; '.join(changes)} " in words(visitor("operator", phi=True).get("/logs/audit/"))
    assert "changes ••• " in words(visitor("viewer").get("/logs/audit/"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/logs/", "The application log is empty."),
        ("/logs/?q=x", "No line matches the filter."),
        ("/logs/audit/", "Nobody has done anything yet."),
        ("/logs/audit/?q=x", "No record matches the filter."),
    ],
)
def test_an_empty_log_says_why(address, words):
    assert words in visitor().get(address).content.decode()


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"since": "2026-03-01T02:10"}, {"at 02:10", "at 02:20"}),
        ({"until": "2026-03-01T02:10"}, {"at 02:00"}),
        ({"since": "2026-03-01T02:05", "until": "2026-03-01T02:15"}, {"at 02:10"}),
        ({"since": "yesterday"}, {"at 02:00", "at 02:10", "at 02:20"}),
    ],
)
def test_both_logs_are_filtered_by_time(query, shown):
    for minute in (0, 10, 20):
        at = datetime(2026, 3, 1, 2, minute, tzinfo=UTC)
        line("INFO", f"at 02:{minute:02}", at)
        AuditRecord.objects.create(at=at, actor="olga", action=f"at 02:{minute:02}", object="PACS")
    every = {"at 02:00", "at 02:10", "at 02:20"}
    for address in ("/logs/", "/logs/audit/"):
        page = visitor().get(address, query).content.decode()
        assert {text for text in every if f">{text}<" in page} == shown, address


def test_both_logs_are_filtered_by_node_even_one_that_is_gone():
    node("PACS")
    line("INFO", "node PACS: sending again")
    line("INFO", "node GONE: the node is gone")
    for name in ("PACS", "GONE"):
        AuditRecord.objects.create(at=timezone.now(), actor="olga", action=f"pause {name}", object=name)
    client = visitor()
    for name, other in (("PACS", "GONE"), ("GONE", "PACS")):
        lines = client.get("/logs/", {"node": name}).content.decode()
        assert f"node {name}:" in lines
        assert f"node {other}:" not in lines
        records = client.get("/logs/audit/", {"node": name}).content.decode()
        assert f"pause {name}" in records
        assert f"pause {other}" not in records


def test_what_a_script_wrote_is_masked_and_not_found_by_those_who_may_not_see_patients():
    line("INFO", "[lua] patient TEST^ANNA arrived")
    assert "patient TEST^ANNA arrived" in visitor("operator", phi=True).get("/logs/?q=anna").content.decode()
    hidden = visitor("viewer")
    assert "[lua] •••" in hidden.get("/logs/").content.decode()
    assert "No line matches" in hidden.get("/logs/?q=anna").content.decode()
    assert "ANNA" not in text_of(hidden.get("/logs/application.csv"))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_log_is_a_file_filtered_and_masked_as_the_page_and_taking_it_is_noted(kind, monkeypatch):
    monkeypatch.setattr(row_file, "CHUNK", 2)
    for number in range(5):
        line("ERROR", f"=trouble {number}")
    line("INFO", "news")
    answer = visitor().get(f"/logs/application.{kind}?level=ERROR")
    assert f'.{kind}"' in answer.headers["Content-Disposition"]
    text = text_of(answer)
    rows = list(csv.DictReader(text.splitlines())) if kind == "csv" else [json.loads(row) for row in text.splitlines()]
    # A spreadsheet must not take a line for a formula.
    mark = "'" if kind == "csv" else ""
    assert [row["message"] for row in rows] == [f"{mark}=trouble {number}" for number in (4, 3, 2, 1, 0)]
    noted = AuditRecord.objects.get()
    assert (noted.action, noted.object, noted.detail) == (
        f"export {kind}",
        "application log",
        {"filter": "level=ERROR"},
    )


def test_the_audit_log_as_a_file_hides_what_the_page_hides():
    AuditRecord.objects.create(
        at=timezone.now(), actor="worker", action="Set", object="item 7", detail={"0010,0020": ["P-1", "P-2"]}
    )
    assert "0010,0020 P-1 → P-2" in text_of(visitor("operator", phi=True).get("/logs/audit.csv"))
    hidden = text_of(visitor("viewer").get("/logs/audit.csv?q=item"))
    assert "0010,0020 ••• → •••" in hidden
    assert "P-1" not in hidden


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("since=yesterday", "From is left out: Enter a valid date/time."),
        ("level=LOUD", "Level is left out: Select a valid choice. LOUD is not one of the available choices."),
        ("q=%00", "Text is left out: Null characters are not allowed."),
    ],
)
def test_what_of_a_filter_cannot_be_asked_for_is_told_and_no_file_is_made_of_the_rest(query, told):
    line("INFO", "at 02:00")
    for page, file in (("/logs/", "/logs/application"), ("/logs/audit/", "/logs/audit")):
        assert told in words(visitor().get(f"{page}?{query}"))
        for kind in ("csv", "jsonl"):
            answer = visitor().get(f"{file}.{kind}?{query}")
            assert answer.status_code == 400
            assert answer.content.decode() == f"No file was made. Put the filter right first. {told}"
    assert not AuditRecord.objects.exists()


def test_an_empty_file_is_no_error():
    assert text_of(visitor().get("/logs/application.csv")) == ""
    assert text_of(visitor("operator").get("/logs/application.jsonl")) == ""


@pytest.mark.parametrize("log", ["/logs/", "/logs/audit/"])
def test_a_search_looks_through_so_many_rows_and_goes_on_when_asked(log, monkeypatch):
    monkeypatch.setattr(log_filter, "WINDOW", 3)
    monkeypatch.setattr(logs, "WINDOW", 3)
    for number in range(8):
        text = "needle" if number in (0, 4) else "hay"
        line("INFO", f"{text}-{number}")
        AuditRecord.objects.create(at=timezone.now(), actor="olga", action=text, object=f"{text}-{number}")
    client, found, address = visitor(), [], f"{log}?q=needle"
    while address:
        page = client.get(address).content.decode()
        found.append(re.findall(r"needle-\d", page))
        links = re.findall(r'href="(\?[^"]*before=[^"]*)"', page)
        address = f"{log}{links[-1].replace('&amp;', '&')}" if links else ""
    # 7 6 5, then 4 3 2, then the rest.
    assert found == [[], ["needle-4"], ["needle-0"]]
    assert "Look further back" in client.get(f"{log}?q=needle").content.decode()
    assert "Looked through" not in client.get(log).content.decode()


def test_a_search_in_a_span_of_time_looks_at_the_newest_of_that_span(monkeypatch):
    monkeypatch.setattr(log_filter, "WINDOW", 2)
    for day in range(1, 8):
        line("INFO", f"needle-{day}", datetime(2026, 1, day, tzinfo=UTC))
    page = visitor().get("/logs/?q=needle&until=2026-01-05T00:00").content.decode()
    assert re.findall(r"needle-\d", page) == ["needle-4", "needle-3"]
    page = visitor().get("/logs/?q=needle&since=2026-01-06T00:00").content.decode()
    assert re.findall(r"needle-\d", page) == ["needle-7", "needle-6"]
    assert "Older" not in page


@pytest.mark.parametrize("address", ["/logs/", "/logs/audit/"])
def test_a_page_whose_lines_have_all_been_removed_shows_the_newest_ones(address):
    line("INFO", "news")
    AuditRecord.objects.create(at=timezone.now(), actor="olga", action="news", object="x")
    assert "news" in words(visitor("administrator").get(f"{address}?before=1"))

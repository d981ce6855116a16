"""The application log and the audit log."""

import pytest
from django.utils import timezone

from routing.models import ApplicationLogLine, AuditRecord
from routing.views import logs
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


def line(level, message):
    ApplicationLogLine.objects.create(at=timezone.now(), level=level, process="worker", logger="l", message=message)


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


def test_the_edits_and_routes_of_a_script_are_told_one_by_one():
    change = {"operation": "Set", "path": "0010,0020", "keyword": "PatientID", "old": None, "new": "P-2", "entry": 2}
    route = {"operation": "Add", "destination": "RESEARCH", "entry": 3, "line": 7}
    AuditRecord.objects.create(
        at=timezone.now(), actor="script version 4", action="run scripts", object="item 7",
        detail={"verdict": "prepared", "changes": [change], "routes": [route]},
    )  # fmt: skip
    seen = words(visitor("operator", phi=True).get("/logs/audit/"))
    assert "verdict prepared entry 2 Set 0010,0020 PatientID: nothing → P-2 entry 3 route:Add(RESEARCH)" in seen
    assert "Set 0010,0020 PatientID: nothing → •••" in words(visitor("viewer").get("/logs/audit/"))


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

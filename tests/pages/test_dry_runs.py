"""Dry runs over HTTP: which of them take each other's place, and what is on record of them."""

from pathlib import Path

import pytest
from django.core.cache import cache

from routing.models import AuditRecord
from scripts_app.dry_running.process import Unanswered
from scripts_app.views import dry_run
from tests.builders import node
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db


def test_dry_runs_of_one_page_replace_each_other_and_those_of_another_window_or_person_do_not(monkeypatch):
    node("PACS")
    asked = []

    def ask(question, who):
        asked.append(who)
        raise Unanswered("not today")

    monkeypatch.setattr(dry_run, "ask", ask)
    for person, pages in (("script author", ["0.1", "0.1", "0.2"]), ("administrator", ["0.1"])):
        client = visitor(person)
        client.post("/scripts/sample/", {"bundled": "MR"})
        for page in pages:
            tried = {"trial_page": page, "script": "x = 1", "destination": "PACS"}
            assert "not today" in words(client.post("/scripts/dry-run/", tried))
    first, again, other_window, other_person = asked
    assert first == again
    assert len({first, other_window, other_person}) == 3


@pytest.mark.fault(127, "a file taken from a dry run")
def test_taking_the_file_that_a_dry_run_made_is_on_record(monkeypatch):
    node("PACS")

    def ask(question, who):
        made = Path(question["output"]) / "1-PACS.dcm"
        made.write_bytes(b"what would leave")
        return {"result": {"outputs": [{"destination": "PACS", "file": str(made)}]}}

    monkeypatch.setattr(dry_run, "ask", ask)
    author = visitor("script author")
    author.post("/scripts/sample/", {"bundled": "MR"})
    AuditRecord.objects.all().delete()
    cache.clear()
    taken = author.post("/scripts/dry-run/1/", {"script": "x = 1", "destination": "PACS"})
    assert taken.content == b"what would leave"
    ran, download = AuditRecord.objects.order_by("pk")
    assert (ran.action, ran.object) == ("dry run", "synthetic MR")
    assert (download.actor, download.action, download.object) == ("the script author", "download", "synthetic MR")
    assert download.detail == {"form": "dry run, for PACS"}

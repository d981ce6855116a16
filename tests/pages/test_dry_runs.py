"""Dry runs over HTTP: which of them take each other's place."""

import pytest

from scripts_app.dry_run_process import Unanswered
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

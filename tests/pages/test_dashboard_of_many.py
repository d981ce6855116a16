"""The dashboard of an installation with thousands of nodes shows the worst, and where the others are."""

import pytest

from routing.database.short_lived import forget_all
from routing.models import NodeStatus
from tests.builders import node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db


def dashboard() -> str:
    forget_all()
    return words(visitor().get("/"))


def test_those_that_fail_and_those_with_work_are_shown_before_others_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr("routing.views.dashboard.MOST_CARDS", 2)
    for name in ("ANNEX", "BASEMENT", "WITH_WORK"):
        node(name)
    queue_item(node=node("ZWORK"))
    NodeStatus.objects.create(node=node("ZZ_DOWN"), failures_in_a_row=3, last_error="no connection")
    told = dashboard()
    assert "3 more are on the page of the nodes" in told
    assert "ZWORK" in told and "ZZ_DOWN" in told
    assert "ANNEX" not in told and "BASEMENT" not in told


def test_of_more_problems_than_anybody_reads_the_worst_are_shown_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr("routing.views.dashboard.MOST_PROBLEMS", 7)
    for number in range(10):
        queue_item(node=node(f"NODE_{number}", paused=True))
    told = dashboard()
    assert told.count("paused; 1 image waits") < 10
    assert "more are not shown here; the page of the nodes says how each is doing" in told
    assert "No deliver process" in told, "what is worse comes first"


def test_few_are_all_shown():
    for number in range(10):
        queue_item(node=node(f"NODE_{number}", paused=True))
    told = dashboard()
    assert "more are" not in told
    assert all(f"NODE_{number}" in told for number in range(10))

"""Rows of a refresh are drawn once for everybody, and anew as soon as anything about them is different."""

import re

import pytest
from django.middleware.csrf import get_token
from django.test import RequestFactory
from django.utils import timezone

from routing.database.short_lived import forget_all
from routing.models import QueueItem
from routing.templatetags import row_tags
from tests.builders import queue_item
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    kept = {}
    monkeypatch.setattr(row_tags, "_drawn", kept)
    return kept


def refresh(client, item, query=""):
    answer = client.get(f"/queue/?{query}&rows={item.pk}", headers=HTMX).content.decode()
    return re.search(r"<tbody>(.*)</tbody>", answer, re.DOTALL)[1]


def test_a_row_that_did_not_change_is_not_drawn_again_and_one_that_did_is(drawn):
    item, client = queue_item("Failed"), visitor("operator")
    refresh(client, item)
    (key,) = drawn
    drawn[key] = "drawn before"
    assert "drawn before" in refresh(client, item)
    QueueItem.objects.filter(pk=item.pk).update(lease_owner="host:1:a")
    changed = refresh(client, item)
    assert "drawn before" not in changed
    assert "in progress" in changed


def test_a_whole_page_is_drawn_with_the_ages_of_now(drawn):
    item, client = queue_item("Failed"), visitor("operator")
    refresh(client, item)
    drawn[next(iter(drawn))] = "drawn before"
    assert "drawn before" not in client.get("/queue/").content.decode()


def test_nobody_gets_a_row_with_the_rights_the_sight_or_the_filter_of_somebody_else():
    item = queue_item("Failed", patient_name="SMITH^J")
    seen = {
        (role, phi, query): refresh(visitor(role, phi=phi), item, query)
        for role, phi, query in (
            ("script author", True, ""),
            ("operator", False, ""),
            ("viewer", False, ""),
            ("viewer", False, "state=New"),
            ("viewer", False, "modality=CT"),
        )
    }
    assert ["SMITH" in row for row in seen.values()] == [True, False, False, False, False]
    assert ["<form" in row for row in seen.values()] == [True, True, False, False, False]
    assert ["moved-on" in row for row in seen.values()] == [False, False, False, True, False]
    assert ["?modality=CT" in row.split('class="name"')[1][:99] for row in seen.values()] == [False] * 4 + [True]


def test_each_visitor_gets_their_own_token(drawn):
    item = queue_item("Failed")
    tokens = []
    for role in ("operator", "script author"):
        client = visitor(role)
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', refresh(client, item))
        tokens.append(token)
    assert tokens[0] != tokens[1]
    assert len(drawn) == 1, "both may the same, so the row is drawn once"
    assert len(tokens[0]) == len(get_token(RequestFactory().get("/")))
    assert not any(token in row for row in drawn.values() for token in tokens)


def test_what_is_kept_is_bounded(drawn, monkeypatch):
    monkeypatch.setattr(row_tags, "_MOST", 2)
    client = visitor("operator")
    for item in [queue_item("Failed") for _ in range(5)]:
        refresh(client, item)
        assert 0 < len(drawn) <= 2


def test_where_the_last_failed_item_has_gone_on_nothing_is_left_to_retry():
    item, client = queue_item("Failed", prepared_at=timezone.now()), visitor("operator")
    assert "Retry it" in words(client.get("/queue/?state=Failed"))
    QueueItem.objects.filter(pk=item.pk).update(state="Prepared")
    forget_all()
    assert "Retry it" not in words(client.get(f"/queue/?state=Failed&rows={item.pk}", headers=HTMX))

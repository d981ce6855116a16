"""Nodes and senders by the thousand: a page shows a hundred, and a search finds the others."""

import re

import pytest
from django.utils import timezone

from routing.models import KnownSender, Node, UnknownSender
from tests.builders import node
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_on_a_page(monkeypatch):
    monkeypatch.setattr("routing.forms.listed.PAGE", 3)


def titles(address, **more):
    return re.findall(r'id="to-node-\d+"[^>]*>(\w+)<', visitor("operator").get(address, **more).content.decode())


def test_nodes_come_in_pages_and_each_says_where_it_stands():
    for number in range(5):
        node(f"NODE_{number}")
    node("QUERY", role=Node.Role.QUERY_RETRIEVE)
    assert titles("/nodes/") == ["NODE_0", "NODE_1", "NODE_2"]
    assert "1 to 3 of 6" in words(visitor().get("/nodes/"))
    assert titles("/nodes/?page=2", headers=HTMX) == ["NODE_3", "NODE_4"]
    assert "QUERY" in words(visitor().get("/nodes/?page=2")), "nodes of other roles stand at the end"
    assert titles("/nodes/?page=99") == titles("/nodes/?page=2")
    assert 'hx-get="/nodes/?page=2"' in visitor().get("/nodes/?page=2").content.decode(), "a refresh shows the same"


@pytest.mark.parametrize("text", ["wanted", "cellar", "DCP_WANTED", "other name", "192.0.2.9"])
def test_a_node_is_found_by_what_its_row_shows(text):
    for number in range(5):
        node(f"NODE_{number}")
    node("WANTED", description="In the cellar", aliases=["OTHER NAME"], host="192.0.2.9")
    assert titles(f"/nodes/?q={text}") == ["WANTED"]


def test_what_is_pressed_on_a_page_shows_that_page_again():
    made = [node(f"NODE_{number}") for number in range(5)]
    operator = visitor("operator")
    drawn = operator.post(f"/nodes/{made[4].pk}/pause/?page=2", headers=HTMX).content.decode()
    assert "NODE_4" in drawn and "NODE_0" not in drawn
    assert operator.post(f"/nodes/{made[4].pk}/resume/?page=2").headers["Location"] == "/nodes/?page=2"


def test_known_senders_come_in_pages_and_are_found_with_those_who_are_not():
    for number in range(5):
        KnownSender.objects.create(ae_title=f"CT_{number}", network=f"192.0.2.{number}")
    now = timezone.now()
    for title in ("STRANGER", "WHO"):
        UnknownSender.objects.create(ae_title=title, address="198.51.100.1", first_seen_at=now, last_seen_at=now)
    operator = visitor("operator")
    first, second = (words(operator.get(f"/senders/?page={page}")) for page in (1, 2))
    assert "CT_2" in first and "CT_3" not in first and "1 to 3 of 5" in first
    assert "CT_3" in second and "CT_4" in second and "CT_2" not in second
    assert "CT_4" in words(operator.get("/senders/?q=2.4")) and "WHO" not in words(operator.get("/senders/?q=2.4"))
    found = words(operator.get("/senders/?q=stranger"))
    assert "No known sender matches" in found and "STRANGER" in found and "WHO" not in found
    assert "Nobody" not in words(operator.get("/senders/?q=nothing")), "of everybody else nothing is said"


def test_whoever_removes_a_sender_stays_where_the_button_was():
    made = [KnownSender.objects.create(ae_title=f"CT_{number}") for number in range(5)]
    answer = visitor("operator").post(f"/senders/{made[4].pk}/delete/?page=2&q=ct")
    assert answer.headers["Location"] == "/senders/?page=2&q=ct"

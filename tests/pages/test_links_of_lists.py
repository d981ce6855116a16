"""Links of the lists: they lead to the list that they name, and to it alone."""

import re
from urllib.parse import urljoin

import pytest

from tests.builders import node, queue_item
from tests.pages.busy_router import busy_router
from tests.pages.people import HTMX, visitor

pytestmark = pytest.mark.django_db
LISTS = (
    *("/queue/", "/studies/", "/logs/", "/logs/audit/", "/scripts/rehearsals/", "/failures/", "/nodes/", "/senders/"),
    *("/queue/ask/?action=retry&scope=matching", "/queue/ask/?action=move&scope=matching", "/scripts/rehearsals/ask/"),
)
_ADDRESS = re.compile(r'(?:href|action|hx-get|hx-post)="([^"]*)"')


@pytest.mark.parametrize("page", LISTS)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_no_address_of_a_list_without_a_filter_ends_in_a_question_mark(page, headers):
    busy_router()
    addresses = _ADDRESS.findall(visitor("administrator").get(page, headers=headers).content.decode())
    assert addresses and [address for address in addresses if address.endswith("?")] == []


def test_a_tab_leads_out_of_the_tab_that_is_shown():
    busy_router()
    shown = visitor().get("/queue/?state=Failed").content.decode()
    (everything,) = re.findall(r'<a href="([^"]*)">All ', shown)
    assert urljoin("http://localhost/queue/?state=Failed", everything) == "http://localhost/queue/"


def test_what_is_done_without_javascript_and_without_a_filter_leads_to_the_queue():
    busy_router()
    act = {"action": "fail", "scope": "ticked", "ids": "107", "upto": 1000}
    assert visitor("operator").post("/queue/act/", act).headers["Location"] == "/queue/"


STUCK, WAITING = ("Failed", "Rejected", "Expired"), ("New", "Prepared")


@pytest.mark.parametrize(
    ("page", "states"),
    [("/", STUCK), ("/", WAITING), ("/nodes/", WAITING), ("/nodes/{}/status/", STUCK), ("/nodes/{}/status/", WAITING)],
)
def test_a_number_of_several_states_leads_to_all_that_it_counts(page, states):
    pacs = node("PACS")
    for state in states:
        queue_item(state, node=pacs)
        queue_item(state, node=pacs)
    shown = visitor().get(page.format(pacs.pk)).content.decode()
    found = re.findall(r'<a href="/queue/\?destination=PACS&amp;state=(\w+)"[^>]*>([\w ]+)</a>', shown)
    assert [pair for pair in found if pair[0] in states] == [(state, f"2 {state}") for state in states]

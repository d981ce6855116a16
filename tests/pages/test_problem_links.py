"""What a problem on the dashboard counts is what the list shows that it leads to."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.models import NodeStatus
from routing.showing.service import WORK
from tests.builders import alive, node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
FAILING = {"failures_in_a_row": 3, "last_failure_at": timezone.now(), "last_error": "connection refused"}
NO_ECHO = {"last_success_at": timezone.now() - timedelta(hours=2), "last_echo_ok": False}


@pytest.fixture(autouse=True)
def running_service():
    for role in WORK:
        alive(role)


def held(status, **columns):
    pacs = node("PACS", **columns)
    NodeStatus.objects.create(node=pacs, last_echo_at=timezone.now(), **status)
    return pacs


def problem():
    (found,) = re.findall(
        r'<(?:a|div) class="problem .*?</(?:a|div)>\n', visitor().get("/").content.decode(), re.DOTALL
    )
    return found


def links():
    """Each with what is pressed."""
    found = re.findall(r'<a (?:class="[^"]+" )?href="([^"]+)">(.*?)</a>', problem(), re.DOTALL)
    return [(html.unescape(link), re.sub(r"<[^>]+>|\s+", " ", inside).strip()) for link, inside in found]


def rows(link):
    return len(visitor().get(link).context["page"].rows)


@pytest.mark.parametrize(("status", "columns"), [(FAILING, {}), ({}, {"paused": True}), ({}, {"enabled": False})])
@pytest.mark.parametrize("state", ["New", "Prepared"])
def test_what_waits_in_one_state_is_one_link(status, columns, state):
    pacs = held(status, **columns)
    for _ in range(3):
        queue_item(state, node=pacs)
    ((link, pressed),) = links()
    assert "3 images wait" in pressed and rows(link) == 3


@pytest.mark.parametrize(
    ("status", "columns"), [(FAILING, {}), ({}, {"paused": True}), ({}, {"enabled": False}), (NO_ECHO, {})]
)
def test_what_waits_in_two_states_has_a_link_for_each_number(status, columns):
    pacs = held(status, **columns)
    for state in ("New", "New", "Prepared", "Prepared", "Prepared"):
        queue_item(state, node=pacs)
    assert "; 5 images wait: 2 New, 3 Prepared" in words(visitor().get("/"))
    (page, _), *parts = links()
    assert [(rows(link), pressed) for link, pressed in parts] == [(2, "2 New"), (3, "3 Prepared")]
    assert page == f"/nodes/{pacs.pk}/status/" and "2 New, 3 Prepared" in words(visitor().get(page))

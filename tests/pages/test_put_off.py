"""A node that answers and takes no image is told as such, with number, reason and since when."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.database.short_lived import forget_all
from routing.models import NodeStatus
from routing.showing.service import WORK
from tests.builders import alive, node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db

FULL = "STORE answered 0xA700 (Failure: Refused: Out of Resources)"


@pytest.fixture(autouse=True)
def running_service():
    for role in WORK:
        alive(role)


def put_off(store, number=2, **columns):
    now = timezone.now()
    usual = {"last_error": FULL, "last_status": 0xA700, "not_before": now + timedelta(seconds=40)}
    for _ in range(number):
        queue_item(node=store, attempt_count=3, created_at=now - timedelta(hours=1), **usual | columns)


def dashboard():
    forget_all()
    return words(visitor(phi=True).get("/"))


def test_a_node_that_takes_none_of_its_images_is_a_problem_and_no_untried_one():
    store = node("STORE")
    NodeStatus.objects.create(node=store, last_failure_at=timezone.now(), last_error=FULL)
    put_off(store)
    told = dashboard()
    assert "Nothing is wrong" not in told
    assert re.search(
        r"! STORE has put off 2 images since .*? \(1 h ago\): 0xA700 \(Failure: Refused: Out of Resources\);"
        r" they are tried again",
        told,
    )
    assert "STORE refusing" in told
    assert re.search(r"Last error \d+ s ago|Last error just now", told)
    assert "STORE answered 0xA700" in words(visitor().get(f"/nodes/{store.pk}/status/"))
    assert re.search(r"STORE refusing .*?STORE answered 0xA700", words(visitor().get("/nodes/")))


def test_since_when_it_takes_none_is_after_the_last_one_that_it_took():
    store, minutes = node("STORE"), timedelta(minutes=7)
    at = {"last_success_at": timezone.now() - minutes, "last_failure_at": timezone.now()}
    NodeStatus.objects.create(node=store, last_error=FULL, **at)
    put_off(store, 1)
    assert re.search(r"STORE has put off 1 image since .*? \(7 min ago\): .*?; it is tried again", dashboard())


def test_a_node_that_takes_others_is_a_notice():
    store, now = node("STORE"), timezone.now()
    NodeStatus.objects.create(node=store, last_success_at=now, last_failure_at=now, last_error=FULL)
    put_off(store)
    told = dashboard()
    assert "i STORE has put off 2 images: 0xA700" in told
    assert "STORE up" in told


def test_what_only_waits_its_turn_after_an_outage_has_not_been_put_off():
    store, now = node("STORE"), timezone.now()
    NodeStatus.objects.create(node=store, last_success_at=now)
    put_off(store, last_error="STORE: no connection", last_status=None, not_before=now)
    assert "Nothing is wrong" in dashboard()


def test_a_node_that_is_held_back_is_told_once():
    store = node("STORE", paused=True)
    NodeStatus.objects.create(node=store, last_failure_at=timezone.now(), last_error=FULL)
    put_off(store)
    told = dashboard()
    assert "STORE is paused; 2 images wait" in told
    assert "has put off" not in told


def test_a_node_that_never_took_one_is_refusing_also_where_nobody_noted_when():
    NodeStatus.objects.create(node=node("STORE"), failed=3, last_error=FULL)
    assert "STORE refusing" in dashboard()

"""What a node's switches and schedule hold back: the item's page says so, and Try now claims nothing."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.database.short_lived import forget_all
from routing.models import AuditRecord, HistoryEntry, NodeStatus, ServiceProcess
from tests.builders import node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
ERROR = "no connection: refused"


HOUR = timezone.localtime().hour
LATER = f"{(HOUR + 3) % 24:02}:00 - {(HOUR + 4) % 24:02}:00"
"""A window of the day that began in two to three hours when the tests were collected."""
HELD = [
    ({"paused": True}, "paused"),
    ({"enabled": False}, "disabled"),
    ({"process_schedule": [LATER]}, "outside its schedule"),
    ({"process_schedule": ["night"]}, "outside its schedule"),
]


@pytest.mark.parametrize(("columns", "why"), HELD)
def test_the_page_tells_what_holds_an_image_back(columns, why):
    night = node("NIGHT", **columns)
    ready = queue_item(node=night)
    tried = queue_item(node=night, attempt_count=2, last_error=ERROR, prepared_at=timezone.now())
    told = words(visitor().get(f"/queue/{ready.pk}/"))
    assert re.search(rf"Ready, waits for NIGHT, which is {why}(: it opens in \d h)?\. ", told)
    assert ("opens in" in told) is (columns.get("process_schedule") == [LATER])
    told = words(visitor().get(f"/queue/{tried.pk}/"))
    assert f"Tried 2 times; not again while NIGHT is {why}" in told
    assert "next try" not in told
    assert f"Last error: {ERROR}" in told


@pytest.mark.parametrize(("columns", "why"), HELD)
def test_what_is_held_back_is_not_tried_now_and_the_answer_says_why(columns, why):
    night = node("NIGHT", **columns)
    until = timezone.now() + timedelta(minutes=9)
    NodeStatus.objects.create(node=night, failures_in_a_row=7, not_before=until)
    item = queue_item(node=night, attempt_count=2, last_error=ERROR, not_before=until)
    client = visitor("operator")
    page = client.get(f"/queue/{item.pk}/")
    assert f'disabled title="Not possible: its node is {why}">Try now' in page.content.decode()
    assert "Try now" not in words(client.get("/queue/")).partition("TEST^ANNA")[2]
    client.post(f"/queue/{item.pk}/try-now/")
    assert f"“Try now” did nothing to item {item.pk}: its node is {why}." in words(client.get(f"/queue/{item.pk}/"))
    question = words(client.get(f"/queue/ask/?action=try-now&scope=ticked&ids={item.pk}"))
    assert f"Not 1: its node is {why}." in question
    client.post("/queue/act/", {"action": "try-now", "scope": "ticked", "ids": item.pk})
    assert f"0 items tried now. 1 item could not be: its node is {why}." in words(client.get("/queue/"))
    item.refresh_from_db()
    assert (item.not_before, NodeStatus.objects.get().not_before) == (until, until)
    assert not HistoryEntry.objects.exists()
    assert not AuditRecord.objects.filter(action="try-now").exists()


def test_scripts_are_tried_now_whatever_the_node_is():
    item = queue_item("New", node=node("NIGHT", paused=True), last_error="the script asked to retry")
    client = visitor("operator")
    client.post(f"/queue/{item.pk}/try-now/")
    assert f"Item {item.pk} is tried at once." in words(client.get(f"/queue/{item.pk}/"))


def test_a_schedule_that_is_set_aside_holds_nothing_back():
    aside = timezone.now() + timedelta(hours=1)
    item = queue_item(node=node("NIGHT", process_schedule=[LATER], ignore_schedule_until=aside))
    client = visitor("operator")
    assert "Ready, waits for NIGHT." in words(client.get(f"/queue/{item.pk}/"))
    client.post(f"/queue/{item.pk}/try-now/")
    assert HistoryEntry.objects.get().event == "try now"


def test_the_rows_of_the_queue_ask_for_their_nodes_together(django_assert_max_num_queries):
    for number in range(20):
        queue_item(node=node(f"N{number}", paused=True), attempt_count=1, last_error=ERROR)
    client = visitor("operator")
    with django_assert_max_num_queries(20):
        assert client.get("/queue/").status_code == 200


NETWORK = "this machine has no address in 10.0.0.0/8"


def worker(ago=0, **out_of_reach):
    """A delivering process, and what it says of nodes by number."""
    seen = timezone.now() - timedelta(seconds=ago)
    number = ServiceProcess.objects.count()
    ServiceProcess.objects.create(
        owner=f"h:{number}", role="deliver", host="h", pid=number, started_at=seen, seen_at=seen,
        detail={"out_of_reach": out_of_reach} if out_of_reach else {},
    )  # fmt: skip


def test_what_only_the_workers_know_to_hold_a_node_back_is_told_everywhere():
    away = node("AWAY", process_networks=["10.0.0.0/8"])
    item = queue_item(node=away)
    worker(**{str(away.pk): NETWORK})
    worker(ago=60)
    assert f"Ready, waits for AWAY, which is not sent to: {NETWORK}." in words(visitor().get(f"/queue/{item.pk}/"))
    told = words(visitor().get("/"))
    assert f"AWAY is not sent to: {NETWORK}; 1 image waits" in told
    assert "AWAY not sent to" in told
    assert f"not sent to {NETWORK}" in words(visitor().get(f"/nodes/{away.pk}/status/"))
    visitor("operator").post(f"/queue/{item.pk}/try-now/")
    assert not HistoryEntry.objects.exists()


def test_a_node_that_one_of_the_workers_sends_to_is_not_held_back():
    away = node("AWAY", process_networks=["10.0.0.0/8"])
    item = queue_item(node=away)
    worker(**{str(away.pk): NETWORK})
    worker()
    forget_all()
    assert "Ready, waits for AWAY." in words(visitor().get(f"/queue/{item.pk}/"))
    assert "not sent to" not in words(visitor().get("/"))

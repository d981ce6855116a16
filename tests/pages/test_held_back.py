"""What a node's switches and schedule hold back: the item's page says so, and Try now claims nothing."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.utils import timezone

from routing.models import AuditRecord, HistoryEntry, NodeStatus
from tests.builders import node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
ERROR = "no connection: refused"


def later() -> str:
    """A window of the day that begins in one to two hours."""
    hour = timezone.localtime().hour
    return f"{(hour + 2) % 24:02}:00 - {(hour + 3) % 24:02}:00"


HELD = [
    ({"paused": True}, "paused"),
    ({"enabled": False}, "disabled"),
    ({"process_schedule": [later()]}, "outside its schedule"),
    ({"process_schedule": ["night"]}, "outside its schedule"),
]


@pytest.mark.parametrize(("columns", "why"), HELD)
def test_the_page_tells_what_holds_an_image_back(columns, why):
    night = node("NIGHT", **columns)
    ready = queue_item(node=night)
    tried = queue_item(node=night, attempt_count=2, last_error=ERROR, prepared_at=timezone.now())
    told = words(visitor().get(f"/queue/{ready.pk}/"))
    assert f"Ready, waits for NIGHT, which is {why}" in told
    assert ("opens in" in told) is (columns.get("process_schedule") == [later()])
    told = words(visitor().get(f"/queue/{tried.pk}/"))
    assert f"Tried 2 times; not again while NIGHT is {why}" in told
    assert "next try" not in told
    assert f"Last error: {ERROR}" in told


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        (["192.0.2.0/24"], "from 192.0.2.0/24 only: this machine has no address there."),
        (["10.1"], "from 10.1 only"),
        (["192.0.2.0/24", "10.2.0.0 / 255.255.0.0"], ""),
        ([], ""),
    ],
)
def test_networks_in_which_this_machine_is_not_are_told_and_refuse_nothing(networks, told, monkeypatch):
    """A worker of another host may be in one of them."""
    here = frozenset({ip_address("10.2.0.1")})
    monkeypatch.setattr("routing.templatetags.item_tags.local_addresses", lambda: here)
    away = node("AWAY", process_networks=networks)
    ready = queue_item(node=away)
    tried = queue_item(node=away, attempt_count=2, last_error=ERROR, prepared_at=timezone.now())
    page = words(visitor().get(f"/queue/{ready.pk}/"))
    assert f"Ready, waits for AWAY{', which is sent to ' + told if told else '.'}" in page
    page = words(visitor().get(f"/queue/{tried.pk}/"))
    assert ("not again from this machine, which has no address in" in page) is bool(told)
    client = visitor("operator")
    for address in ("/", f"/nodes/{away.pk}/status/"):
        assert ("this machine has no address" in words(client.get(address))) is bool(told), address
    client.post(f"/queue/{tried.pk}/try-now/")
    assert "did nothing" not in words(client.get(f"/queue/{tried.pk}/"))


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
    item = queue_item(node=node("NIGHT", process_schedule=[later()], ignore_schedule_until=aside))
    client = visitor("operator")
    assert "Ready, waits for NIGHT." in words(client.get(f"/queue/{item.pk}/"))
    client.post(f"/queue/{item.pk}/try-now/")
    assert HistoryEntry.objects.get().event == "try now"


def test_the_rows_of_the_queue_ask_for_their_nodes_together(django_assert_max_num_queries):
    for number in range(20):
        queue_item(node=node(f"N{number}", paused=True), attempt_count=1, last_error=ERROR)
    client = visitor("operator")
    with django_assert_max_num_queries(20):
        client.get("/queue/")

"""What is queued by a node's old AE title follows it in steps that others get between, and whatever ends on the way."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from routing.models import HistoryEntry, Node, QueueItem
from routing.nodes import renamed
from routing.nodes.renamed import bring_along, readdress_late
from routing.showing.destinations import destinations
from tests.builders import node, queue_item
from tests.pages.filled_form import filled_form
from tests.pages.people import words
from tests.routing.administration import administrators

pytestmark = pytest.mark.django_db
boss = administrators.boss
PLACES = ["/nodes/{}/", "/admin/routing/node/{}/change/"]


class Killed(BaseException):
    """The process ends."""


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renamed, "_CHUNK", 2)
    monkeypatch.setattr(renamed, "pause", lambda seconds: None)


def titles() -> list[str]:
    return list(QueueItem.objects.order_by("pk").values_list("destination_ae_title", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("place", PLACES)
def test_a_kill_on_the_way_leaves_a_renamed_node_and_housekeeping_brings_the_rest(
    boss: Client, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """36,000 items took 20 seconds in one transaction, and whoever brought or recorded an image of the node waited."""
    night = node("NIGHT2")
    for _ in range(5):
        queue_item(node=night)
    address, steps = place.format(night.pk), []
    filled = filled_form(boss.get(address)) | {"ae_title": "NIGHT"}

    def second(_: float) -> None:
        assert not connection.in_atomic_block
        steps.append(titles())
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(renamed, "pause", second)
        with pytest.raises(Killed):
            boss.post(address, filled)
    assert steps == [["NIGHT"] * 2 + ["NIGHT2"] * 3] == [titles()]
    assert Node.objects.get().ae_title == "NIGHT"
    # The router was away for a day.
    Node.objects.update(updated_at=timezone.now() - timedelta(days=1))
    assert readdress_late(None)
    assert titles() == ["NIGHT"] * 5
    assert HistoryEntry.objects.filter(event="node renamed").count() == 5


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("place", PLACES)
def test_what_a_page_has_no_time_for_is_told_and_counted_until_it_follows(
    boss: Client, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = node("NIGHT2")
    for state in ["Prepared"] * 3 + ["Failed"] * 4 + ["Delivered"]:
        queue_item(state, node=night)
    address = place.format(night.pk)
    with monkeypatch.context() as patch:
        patch.setattr(renamed, "_LONGEST", -1.0)
        told = words(boss.post(address, filled_form(boss.get(address)) | {"ae_title": "NIGHT"}, follow=True))
    assert "NIGHT: what is queued for it gets the new AE title within some minutes" in told
    assert titles() == ["NIGHT"] * 2 + ["NIGHT2"] * 6
    for page in ("/", "/nodes/", reverse("node", args=[night.pk])):
        told = words(boss.get(page))
        assert "5 of these are still listed under NIGHT2" in told, page
        assert "Its node has been removed" not in told
    (shown,) = destinations()
    assert (shown.waiting, shown.stuck) == (3, 4)
    assert readdress_late(timezone.now())
    assert "still listed" not in words(boss.get("/"))
    assert {*titles()} == {"NIGHT", "NIGHT2"} and titles()[-1] == "NIGHT2"


@pytest.mark.usefixtures("small_steps")
def test_a_second_renaming_on_the_way_takes_all_to_the_newest_title(monkeypatch: pytest.MonkeyPatch) -> None:
    night = node("NIGHT")
    for _ in range(4):
        queue_item(node=night, destination_ae_title="NIGHT2")
    monkeypatch.setattr(renamed, "pause", lambda _: Node.objects.update(ae_title="DAY"))
    bring_along(night.pk, actor="boss")
    assert titles() == ["NIGHT"] * 2 + ["DAY"] * 2
    readdress_late(timezone.now())
    assert titles() == ["DAY"] * 4


def test_what_was_queued_late_by_the_old_title_follows_its_node_and_nothing_else_does() -> None:
    night, long_ago = node("NIGHT"), node("LONG_AGO")
    Node.objects.filter(pk=long_ago.pk).update(updated_at=timezone.now() - timedelta(hours=1))
    late = queue_item(node=night, destination_ae_title="NIGHT2")
    right, gone = queue_item(node=night), queue_item("Delivered", node=night, destination_ae_title="NIGHT2")
    other = queue_item(node=long_ago, destination_ae_title="OTHER")
    readdress_late(timezone.now())
    found = dict(QueueItem.objects.values_list("pk", "destination_ae_title"))
    assert found == {late.pk: "NIGHT", right.pk: "NIGHT", gone.pk: "NIGHT2", other.pk: "OTHER"}
    assert HistoryEntry.objects.get().note == "NIGHT2 is NIGHT now"


def test_the_queue_is_looked_through_once_however_many_nodes_an_import_has_changed(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(30):
        queue_item(node=node(f"NODE_{number}"))
    with django_assert_max_num_queries(2):
        readdress_late(timezone.now())

"""An image that its node puts off for a week has a short story, too, and nothing that is counted goes too soon."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.utils import timezone

from routing.core.repeated import REPEATED, Repeated
from routing.engine.delivering.recording import unanswered_before
from routing.engine.housekeeping.folding import FIRST, NEWEST, fold_deferrals
from routing.engine.housekeeping.traffic import TrafficCounter
from routing.engine.preparing.facts import RECENT
from routing.models import Attempt, HistoryEntry, ItemLogLine, Node, QueueItem, TrafficMinute
from tests.builders import node, queue_item
from tests.pages.people import visitor, words
from tests.routing.engine.delivering import delivery as deliveries
from tests.routing.engine.delivering.delivery import back_off_is_over, delivery, storage_node

pytestmark = pytest.mark.django_db

FULL = "PACS answered 0xA700 (Failure: Refused: Out of Resources)"
KEPT = FIRST + NEWEST
LONG_AGO = RECENT + timedelta(minutes=1)


def put_off(
    item: QueueItem, to: Node, times: int, *, ago: timedelta = timedelta(days=2), error: str = FULL, **attempt: object
) -> None:
    """As the deliverer notes it: an attempt, and a moment later the step."""
    began = timezone.now() - ago
    said = {"answer": "deferred", "status": 0xA700, "error": error, "item": item, "node": to, **attempt}
    move = {"event": "deferred", "from_state": "Prepared", "to_state": "Prepared", "actor": "delivery", "item": item}
    for number in range(times):
        at = began + timedelta(minutes=number)
        Attempt.objects.create(started_at=at, ended_at=at + timedelta(seconds=1), **said)
        HistoryEntry.objects.create(at=at + timedelta(seconds=2), note=error, **move)
    QueueItem.objects.filter(pk=item.pk).update(attempt_count=F("attempt_count") + times, last_error=FULL)


def fold() -> int:
    """As a round of housekeeping: nothing goes that is still to be counted."""
    counter = TrafficCounter()
    counter.look()
    while counter.step():
        pass
    return fold_deferrals()


def times() -> list[int]:
    lines = HistoryEntry.objects.filter(event__in=["deferred", REPEATED]).order_by("at")
    return [Repeated.told_by(line.event, line.note, line.at).times for line in lines]


@pytest.mark.integration
def test_what_a_full_node_puts_off_is_kept_as_the_first_the_newest_and_a_line_that_counts(tmp_path: Path) -> None:
    with storage_node(lambda event, number: 0xA700) as pacs, delivery(tmp_path) as running:
        item = running.image(deliveries.node(pacs.port))
        for _ in range(45):
            back_off_is_over(item.node)
            running.rest()
    HistoryEntry.objects.update(at=F("at") - LONG_AGO)
    Attempt.objects.update(started_at=F("started_at") - LONG_AGO, ended_at=F("ended_at") - LONG_AGO)
    assert Attempt.objects.count() == 45
    assert fold() == 45 - KEPT - 1
    assert times() == [1] * FIRST + [45 - KEPT] + [1] * NEWEST
    assert Attempt.objects.count() == KEPT
    assert QueueItem.objects.get(pk=item.pk).attempt_count == 45
    assert sum(minute.deferred for minute in TrafficMinute.objects.all()) == 45


def test_however_long_it_goes_on_the_story_does_not_grow() -> None:
    pacs = node("PACS")
    item = queue_item("Prepared", node=pacs)
    for day in (5, 4, 3):
        put_off(item, pacs, 300, ago=timedelta(days=day))
        while fold():
            pass
        assert Attempt.objects.count() == KEPT
    assert times() == [1] * FIRST + [900 - KEPT] + [1] * NEWEST


def test_attempts_of_the_last_hour_stay_for_scripts_are_told_of_them() -> None:
    pacs = node("PACS")
    put_off(queue_item("Prepared", node=pacs), pacs, 50, ago=timedelta(minutes=55))
    assert fold() == 0
    assert Attempt.objects.count() == 50


def test_what_the_charts_have_not_counted_stays() -> None:
    pacs = node("PACS")
    put_off(queue_item("Prepared", node=pacs), pacs, 60)
    assert fold_deferrals() == 0


def test_another_answer_begins_a_new_run_and_another_node_does() -> None:
    pacs, other = node("PACS"), node("OTHER")
    item = queue_item("Prepared", node=pacs)
    put_off(item, pacs, 45, ago=timedelta(days=5))
    put_off(item, pacs, 45, ago=timedelta(days=4), status=None, error="the connection was closed")
    put_off(item, other, 45, ago=timedelta(days=3))
    fold()
    assert times() == ([1] * FIRST + [45 - KEPT] + [1] * NEWEST) * 3


def test_that_an_image_may_have_arrived_before_is_still_known() -> None:
    pacs = node("PACS")
    item = queue_item("Prepared", node=pacs, prepared_at=timezone.now() - timedelta(days=5))
    put_off(item, pacs, 60, status=None, error="the connection was closed", transfer_syntax_uid="1.2.840.10008.1.2")
    put_off(item, pacs, 60, ago=timedelta(days=1))
    assert fold() == 2 * (60 - KEPT - 1)
    assert unanswered_before(item.pk, pacs.pk)


def test_what_our_own_error_leaves_in_the_log_each_time_stands_there_once() -> None:
    pacs = node("PACS")
    item = queue_item("Prepared", node=pacs)
    put_off(item, pacs, 60, error="cannot be read: Input/output error")
    Attempt.objects.all().delete()
    line = {"item": item, "level": "error", "source": "router"}
    for step in HistoryEntry.objects.all():
        ItemLogLine.objects.create(at=step.at - timedelta(milliseconds=1), text="Traceback: Input/output error", **line)
    told = ItemLogLine.objects.order_by("id")[30]
    ItemLogLine.objects.filter(pk=told.pk).update(text="something else")
    assert fold() == 60 - KEPT - 1
    assert ItemLogLine.objects.count() == KEPT + 1
    assert ItemLogLine.objects.filter(text="something else").exists()


def test_the_page_says_among_the_attempts_how_many_are_told_together() -> None:
    pacs = node("PACS")
    item = queue_item("Prepared", node=pacs)
    put_off(item, pacs, 60)
    fold()
    told = words(visitor(phi=True).get(f"/queue/{item.pk}/"))
    assert f"{60 - KEPT} times since" in told
    assert f"{60 - KEPT} attempts that ended like this one are told by one line of the timeline" in told


def test_of_very_many_images_each_look_folds_a_part_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand at once took four minutes, in which nothing else of housekeeping was done."""
    monkeypatch.setattr("routing.engine.housekeeping.folding._CHUNK", 1)
    monkeypatch.setattr("routing.engine.housekeeping.folding._LONGEST", -1.0)
    pacs = node("PACS")
    for _ in range(3):
        put_off(queue_item("Prepared", node=pacs), pacs, 60)
    assert [fold() for _ in range(4)] == [60 - KEPT - 1] * 3 + [0]

"""Every history entry is counted once, and what is removed later stays counted."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.core.traffic import minute_of, moment_of
from routing.engine.housekeeping import traffic
from routing.engine.housekeeping.traffic import KEPT, TrafficCounter, forget_traffic
from routing.models import HistoryEntry, QueueItem, TrafficMinute
from tests.builders import queue_item

pytestmark = pytest.mark.django_db


def happens(event: str, item: QueueItem, **columns: Any) -> None:
    values = {"at": timezone.now(), "from_state": "Prepared", "to_state": "Delivered", "actor": "test", **columns}
    HistoryEntry.objects.create(item=item, event=event, **values)


def counted() -> tuple[int, int, int]:
    rows = TrafficMinute.objects.all()
    return sum(r.received for r in rows), sum(r.delivered for r in rows), sum(r.bytes_delivered for r in rows)


def test_entries_are_counted_once_and_only_when_nobody_can_still_be_writing_before_them() -> None:
    counter, item = TrafficCounter(), queue_item("Delivered")
    happens("received", item)
    happens("delivered", item)
    assert not counter.step()
    assert counted() == (0, 0, 0)
    happens("delivered", item)
    assert not counter.step()
    assert counted() == (1, 1, 1000)
    counter.step()
    assert counted() == (1, 1, 1000)
    counter.look()
    counter.step()
    assert counted() == (1, 2, 2000)


def test_another_housekeeper_goes_on_where_the_last_one_stopped() -> None:
    item = queue_item("Delivered")
    for _ in range(2):
        happens("received", item)
        counter = TrafficCounter()
        counter.look()
        counter.step()
    assert counted() == (2, 0, 0)


def test_removing_items_does_not_change_the_past() -> None:
    item = queue_item("Delivered")
    happens("received", item)
    counter = TrafficCounter()
    counter.look()
    counter.step()
    item.delete()
    counter.look()
    counter.step()
    assert counted() == (1, 0, 0)


def test_much_history_is_counted_in_chunks(monkeypatch: Any) -> None:
    monkeypatch.setattr(traffic, "_CHUNK", 2)
    item = queue_item("Delivered")
    for _ in range(5):
        happens("delivered", item)
    counter = TrafficCounter()
    counter.look()
    assert [counter.step(), counter.step(), counter.step()] == [True, True, False]
    assert counted() == (0, 5, 5000)


def test_the_database_finds_the_same_minute_and_adds_up_what_is_alike() -> None:
    full = moment_of(minute_of(timezone.now()) - 5)
    here, there = queue_item("Delivered", size=5 << 30), queue_item("Delivered", destination_ae_title="AI", size=7)
    for moment in (full - timedelta(microseconds=1), full, full + timedelta(seconds=59, microseconds=999_999)):
        happens("delivered", here, at=moment)
        happens("received", there, at=moment.astimezone(timezone.get_fixed_timezone(345)))
    counter = TrafficCounter()
    counter.look()
    counter.step()
    columns = ("minute", "ae_title", "delivered", "bytes_delivered", "received", "bytes_received")
    assert sorted(TrafficMinute.objects.values_list(*columns)) == [
        (minute_of(full) - 1, "AI", 0, 0, 1, 7),
        (minute_of(full) - 1, here.destination_ae_title, 1, 5 << 30, 0, 0),
        (minute_of(full), "AI", 0, 0, 2, 14),
        (minute_of(full), here.destination_ae_title, 2, 10 << 30, 0, 0),
    ]


def test_what_is_older_than_any_chart_is_neither_counted_nor_kept() -> None:
    now, item = timezone.now(), queue_item("Delivered")
    happens("delivered", item, at=now - KEPT - timedelta(hours=1))
    counter = TrafficCounter()
    counter.look()
    counter.step()
    assert counted() == (0, 0, 0)
    TrafficMinute.objects.create(minute=minute_of(now - KEPT) - 1, ae_title="PACS")
    TrafficMinute.objects.create(minute=minute_of(now), ae_title="PACS")
    forget_traffic(now)
    assert TrafficMinute.objects.get().minute == minute_of(now)

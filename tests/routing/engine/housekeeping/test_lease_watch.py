"""Leases of silent owners end by a steady clock; those that are renewed never do, whatever the wall clock says."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.engine.housekeeping.lease_watch import LeaseWatch
from routing.models import ItemLogLine, Lane, QueueItem, ServiceProcess
from routing.queue.claims import claim_deliverable, renew
from routing.queue.record import Move, record
from tests.builders import node, queue_item

pytestmark = pytest.mark.django_db

FAR = "far:1:silent"


ROUND = 5.0
"""Seconds between two looks of housekeeping."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def looks(self, watch: LeaseWatch, seconds: float) -> int:
        """Let so many seconds pass with a look in each round; how many items were given back."""
        freed, end = 0, self.now + seconds
        while self.now < end:
            self.now = min(self.now + ROUND, end)
            freed += watch.step()
        return freed


def held(**columns: Any) -> QueueItem:
    return queue_item("Prepared", node=node(), lease_owner=FAR, lease_until=timezone.now(), **columns)


def owner_of(item: QueueItem) -> str:
    return QueueItem.objects.get(id=item.id).lease_owner


@pytest.mark.fault(94, "it holds an item, renews nothing, and then wants to record its result")
def test_who_renews_nothing_loses_its_items_and_can_settle_nothing_later() -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    item = held()
    assert watch.step() == 0
    assert clock.looks(watch, 69) == 0
    assert clock.looks(watch, 1) == 1
    # It may have been sent before its process got stuck.
    assert "the image may have been sent already" in ItemLogLine.objects.get(item=item).text
    assert item.node_id is not None
    assert [one.id for one in claim_deliverable("host:2:other", item.node_id, 5)] == [item.id]
    late = Move(item.id, QueueState.PREPARED, QueueEvent.DELIVERED)
    assert record([late], actor="delivery", owner=FAR) == set()
    assert owner_of(item) == "host:2:other"


def test_what_a_silent_owner_was_preparing_stays_counted_for_nobody_knows_what_it_was_at() -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    item = queue_item("New", lease_owner=FAR, lease_until=timezone.now(), prepare_starts=2)
    watch.step()
    assert clock.looks(watch, 70) == 1
    assert QueueItem.objects.get(id=item.id).prepare_starts == 2


@pytest.mark.fault(92, "the wall clock jumps ahead and back by an hour while leases are renewed")
@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_who_renews_keeps_its_items_also_when_the_wall_clock_jumps(jump: timedelta, monkeypatch: Any) -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    item = held()
    start = timezone.now()
    for turn in range(12):
        clock.now = turn * 15.0
        moment = start + timedelta(seconds=clock.now) + (jump if turn > 5 else timedelta(0))
        monkeypatch.setattr("routing.queue.claims.timezone.now", lambda moment=moment: moment)
        renew(FAR)
        assert watch.step() == 0
    assert owner_of(item) == FAR


def test_while_the_database_is_away_nobody_can_renew_and_nobody_loses_what_it_holds(monkeypatch: Any) -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    item = held()
    clock.looks(watch, 15)
    with monkeypatch.context() as away:
        away.setattr("routing.engine.housekeeping.lease_watch._marks", gone)
        for _ in range(40):
            with pytest.raises(OperationalError):
                clock.looks(watch, ROUND)
    # It is the watch that finds it back first.
    assert clock.looks(watch, ROUND) == 0
    renew(FAR)
    assert clock.looks(watch, 65) == 0
    assert owner_of(item) == FAR


def no_update(execute: Any, sql: str, *rest: Any) -> Any:
    """As when another program holds SQLite's lock for writing, or the disk is full."""
    if sql.startswith("UPDATE"):
        raise OperationalError("database is locked")
    return execute(sql, *rest)


@pytest.mark.fault(86, "leases while it is locked, and housekeeping is the first that can write again")
def test_while_the_database_can_be_read_and_not_written_nobody_loses_what_it_holds() -> None:
    """Its silence counted as that of a stuck process: 68 of 120 images were sent a second time after ten minutes."""
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    item = held()
    clock.looks(watch, 15)
    with connection.execute_wrapper(no_update):
        for _ in range(40):
            with contextlib.suppress(OperationalError):
                clock.looks(watch, ROUND)
    assert clock.looks(watch, ROUND) == 0
    renew(FAR)
    assert clock.looks(watch, 65) == 0
    assert owner_of(item) == FAR


def gone() -> None:
    raise OperationalError("connection refused")


@pytest.mark.parametrize("seconds", [80, 3600])
def test_a_look_for_which_the_database_took_long_ends_no_lease(seconds: float) -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    item = held()
    clock.looks(watch, 15)
    clock.now += seconds
    assert watch.step() == 0
    assert owner_of(item) == FAR


def test_who_is_silent_is_found_also_by_a_watch_whose_rounds_are_long() -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    held()
    watch.step()
    freed = 0
    for _ in range(4):
        clock.now += 300
        freed += watch.step()
    assert freed == 1


@pytest.mark.fault(92, "the clock was set back by an hour just after a lease of a dead worker elsewhere began")
def test_a_lease_that_ends_in_the_far_future_ends_as_soon_as_any_other() -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    item = held()
    QueueItem.objects.update(lease_until=timezone.now() + timedelta(hours=2))
    watch.step()
    assert clock.looks(watch, 70) == 1
    assert owner_of(item) == ""


def test_a_lane_alone_is_ended_as_well_but_never_that_of_the_housekeepers() -> None:
    clock = Clock()
    watch = LeaseWatch("here:2:keeper", 70, clock)
    Lane.objects.create(key="1.2.3", owner=FAR, until=timezone.now() + timedelta(hours=1))
    Lane.objects.create(key="\\housekeeping", owner="host:1:keeper", until=timezone.now())
    watch.step()
    clock.looks(watch, 100)
    assert list(Lane.objects.values_list("owner", flat=True)) == ["host:1:keeper"]


def test_who_looks_gives_no_sign_of_life_for_others() -> None:
    long_ago = timezone.now() - timedelta(minutes=10)
    for owner in ("here:2:keeper", FAR):
        ServiceProcess.objects.create(owner=owner, role="deliver", pid=1, started_at=long_ago, seen_at=long_ago)
    LeaseWatch("here:2:keeper", 70, Clock()).step()
    assert list(ServiceProcess.objects.filter(seen_at=long_ago).values_list("owner", flat=True)) == [FAR]

"""A clock that jumps ahead makes nothing expire, and removes nothing, before a day has passed behind the jump."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from routing.engine.housekeeping import confirmed_time
from routing.engine.housekeeping.confirmed_time import ConfirmedTime
from routing.engine.housekeeping.process import Housekeeper
from routing.models import QueueItem, ScopedState
from routing.queue.giving_back import free_all
from routing.spool.spool import Spool
from tests.routing.engine.housekeeping import kept as keeping
from tests.routing.engine.housekeeping.kept import Kept

pytestmark = [pytest.mark.django_db, pytest.mark.fault(92, "the wall clock jumps a week ahead and back")]

kept = keeping.kept
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Clocks:
    """The clock on the wall, which can be set, and the steady one, which cannot."""

    def __init__(self) -> None:
        self.wall = timezone.now()
        self.steady = 100.0

    def pass_by(self, span: timedelta) -> None:
        self.wall += span
        self.steady += span.total_seconds()


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Clocks]:
    clocks = Clocks()
    monkeypatch.setattr(timezone, "now", lambda: clocks.wall)
    monkeypatch.setattr(ConfirmedTime.__init__, "__defaults__", (lambda: clocks.steady,))
    changed = dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path, durable="none", echo_seconds=0)
    monkeypatch.setattr(settings, "CAPACITOR", changed)
    Spool(tmp_path / "spool", "none").mark()
    yield clocks


def state(item: QueueItem) -> str:
    return QueueItem.objects.get(id=item.id).state


def step(keeper: Housekeeper) -> None:
    """A round that looks at everything."""
    keeper._round = 0
    keeper.step()


def waiting(kept: Kept, received_at: datetime) -> QueueItem:
    return kept.item("Failed", ended=timezone.now() - received_at, created_at=received_at)


def test_what_waits_outlives_a_clock_that_is_a_week_ahead_and_is_set_back(clocks: Clocks, kept: Kept) -> None:
    keeper = Housekeeper("host:1:me")
    item = waiting(kept, clocks.wall - MINUTE)
    delivered = kept.item("Delivered", ended=2 * MINUTE)
    ScopedState.objects.create(scope="study", uid="1.2", values={"n": 7}, used_at=clocks.wall)
    step(keeper)
    clocks.wall += 8 * DAY
    for _ in range(3):
        clocks.pass_by(60 * MINUTE)
        step(keeper)
    assert state(item) == "Failed"
    assert kept.has(delivered)
    assert ScopedState.objects.count() == 1
    told = keeper.detail()
    assert (told["held"], told["ahead_seconds"] // 86_400) == (1, 8)
    clocks.wall -= 8 * DAY
    step(keeper)
    assert (state(item), keeper.detail()["held"], keeper.detail()["believed_at"]) == ("Failed", 0, None)


def test_a_day_behind_the_jump_the_clock_is_believed(clocks: Clocks, kept: Kept) -> None:
    keeper = Housekeeper("host:1:me")
    item = waiting(kept, clocks.wall - MINUTE)
    step(keeper)
    clocks.wall += 8 * DAY
    step(keeper)
    clocks.pass_by(DAY - MINUTE)
    step(keeper)
    assert state(item) == "Failed"
    clocks.pass_by(2 * MINUTE)
    step(keeper)
    assert (state(item), keeper.detail()["held"]) == ("Expired", 0)


def test_a_start_with_a_wrong_clock_is_a_jump_and_further_starts_do_not_confirm_it(clocks: Clocks, kept: Kept) -> None:
    item = waiting(kept, clocks.wall - MINUTE)
    step(Housekeeper("host:1:me"))
    clocks.wall += 8 * DAY
    # By the steady clock of another process, after another boot, nothing is known of the time between.
    clocks.steady = 3.0
    for start in range(3):
        later = Housekeeper(f"host:{start}:later")
        confirmed_time.Lane.objects.filter(key="\\housekeeping").delete()
        step(later)
        clocks.pass_by(MINUTE)
        step(later)
        assert (state(item), later.detail()["held"]) == ("Failed", 1)


def test_what_waits_in_a_restored_backup_of_last_week_has_a_day_to_be_sent(clocks: Clocks, kept: Kept) -> None:
    item = waiting(kept, clocks.wall - MINUTE)
    step(Housekeeper("host:1:me"))
    clocks.wall += 8 * DAY
    free_all()
    later = Housekeeper("host:2:restored")
    step(later)
    assert (state(item), later.detail()["held"]) == ("Failed", 1)


def test_what_is_old_by_the_time_that_has_passed_expires_also_behind_a_jump(clocks: Clocks, kept: Kept) -> None:
    keeper = Housekeeper("host:1:me")
    old, young = waiting(kept, clocks.wall - 7 * DAY + 30 * MINUTE), waiting(kept, clocks.wall - MINUTE)
    step(keeper)
    clocks.wall += 8 * DAY
    step(keeper)
    assert (state(old), state(young)) == ("Failed", "Failed")
    clocks.pass_by(60 * MINUTE)
    step(keeper)
    assert (state(old), state(young)) == ("Expired", "Failed")


def test_time_that_passes_while_the_database_is_away_is_no_jump(
    clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = ConfirmedTime()
    passing.look(clocks.wall)
    really = confirmed_time.Lane.objects.get_or_create

    def away(**_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(confirmed_time.Lane.objects, "get_or_create", away)
    for _ in range(5):
        clocks.pass_by(60 * MINUTE)
        with pytest.raises(ConnectionError):
            passing.look(clocks.wall)
    monkeypatch.setattr(confirmed_time.Lane.objects, "get_or_create", really)
    passing.look(clocks.wall)
    assert not passing.ahead

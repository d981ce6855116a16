"""One round of housekeeping: everything in it happens, and only one housekeeper does it."""

import dataclasses
import errno
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.engine.housekeeping import process as housekeeping
from routing.engine.housekeeping.process import Housekeeper
from routing.models import HistoryEntry, Lane, Node, QueueItem
from routing.spool.spool import Spool, SpoolGone
from tests.builders import node, queue_item, received

pytestmark = pytest.mark.django_db

Configure = Callable[..., None]
HOUR = timedelta(hours=1)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    def change(**values: Any) -> None:
        changed = dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path, durable="none", **values)
        monkeypatch.setattr(settings, "CAPACITOR", changed)

    change()
    # Rows of these tests have no files, which is no sign of a spool that is not mounted.
    Spool(tmp_path / "spool", "none").mark()
    return change


def settled(spool: Spool) -> int:
    """A file of a minute and a half ago."""
    return received(spool, identifier=first_at(timezone.now() - timedelta(seconds=90))).id


def state(item: QueueItem | int) -> str:
    return QueueItem.objects.get(id=item if isinstance(item, int) else item.id).state


@pytest.mark.usefixtures("configure")
def test_the_first_round_adopts_every_file_however_old(tmp_path: Path) -> None:
    node("PACS")
    spool = Spool(tmp_path / "spool", "none")
    old = received(spool, identifier=first_at(timezone.now() - 48 * HOUR)).id
    new = settled(spool)
    received(spool)
    assert Housekeeper("host:1:me").step() == 2
    assert set(QueueItem.objects.values_list("id", flat=True)) == {old, new}


@pytest.mark.fault(85, "the disk lists the folder of one hour no more, nor looks up what is in it")
def test_an_hour_that_the_disk_does_not_give_keeps_house_for_the_others(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(expiry=24 * 3600.0)
    spool = Spool(tmp_path / "spool", "none")
    there = received(spool, identifier=first_at(timezone.now() - 5 * HOUR))
    waiting = queue_item("New", id=there.id)
    old = queue_item("Prepared", created_at=timezone.now() - 48 * HOUR)
    bad, really, stat = spool.path(there.id).parent, os.scandir, Path.stat

    def given(path: Path) -> Path:
        if bad in (path, *Path(path).parents):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return path

    keeper = Housekeeper("host:1:me")
    monkeypatch.setattr(os, "scandir", lambda path: really(given(path)))
    monkeypatch.setattr(Path, "stat", lambda path, **how: stat(given(path), **how))
    keeper.step()
    assert (state(old), state(waiting)) == ("Expired", "New")


def test_what_waits_for_a_missing_file_is_told_as_soon_as_the_spool_is_there(
    configure: Configure, tmp_path: Path
) -> None:
    keeper = Housekeeper("host:1:me")
    item = queue_item("New")
    (tmp_path / "spool").rename(tmp_path / "away")
    (tmp_path / "spool").mkdir()
    with pytest.raises(SpoolGone):
        keeper.step()
    (tmp_path / "spool").rmdir()
    (tmp_path / "away").rename(tmp_path / "spool")
    keeper.step()
    assert state(item) == "Failed"


@pytest.mark.usefixtures("configure")
def test_later_rounds_look_at_new_files_and_now_and_then_at_all(tmp_path: Path, monkeypatch: Any) -> None:
    node("PACS")
    keeper = Housekeeper("host:1:me")
    assert keeper.step() == 0
    spool = Spool(tmp_path / "spool", "none")
    received(spool, identifier=first_at(timezone.now() - 3 * HOUR))
    received(spool, identifier=first_at(timezone.now() - timedelta(seconds=30)))
    assert keeper.step() == 1
    keeper._round = 120
    assert keeper.step() == 1


@pytest.mark.usefixtures("configure")
def test_looks_that_take_long_are_further_apart(tmp_path: Path, monkeypatch: Any) -> None:
    now, takes, looks = [1000.0], [0.0], []

    def look(*_: Any, since: Any, **__: Any) -> int:
        looks.append(now[0])
        now[0] += takes[0]
        return 0

    monkeypatch.setattr(housekeeping, "adopt", look)
    monkeypatch.setattr(housekeeping.time, "monotonic", lambda: now[0])
    keeper = Housekeeper("host:1:me")
    takes[0] = 3.0
    keeper.step()
    takes[0] = 0.5
    for moment in (1005.0, 1010.0, 1024.0, 1025.0, 1030.0):
        now[0] = moment
        keeper.step()
    # The first look of all is at everything, once, and does not count.
    assert looks == [1000.0, 1005.0, 1025.0]


@pytest.mark.usefixtures("configure")
def test_files_that_can_be_in_no_queue_are_told_with_their_names(tmp_path: Path) -> None:
    node("PACS")
    spool = Spool(tmp_path / "spool", "none")
    wrong = [settled(spool) for _ in range(6)]
    for identifier in wrong:
        spool.path(identifier).write_bytes(b"not DICOM")
    keeper = Housekeeper("host:1:me")
    keeper.step()
    told = keeper.detail()
    assert (told["adopted"], told["unreadable"]) == (0, 6)
    assert told["unreadable_files"] == [f"{identifier}.dcm" for identifier in wrong[:5]]


@pytest.mark.usefixtures("configure")
def test_only_one_keeps_house_until_its_turn_is_over() -> None:
    first, second = Housekeeper("host:1:first"), Housekeeper("host:2:second")
    old = {"created_at": timezone.now() - 240 * HOUR}
    first.step()
    item = queue_item("Failed", **old)
    second.step()
    assert state(item) == "Failed"
    first.step()
    assert state(item) == "Expired"
    Lane.objects.update(until=timezone.now())
    item = queue_item("Failed", **old)
    second.step()
    assert state(item) == "Expired"
    item = queue_item("Failed", **old)
    first.step()
    assert state(item) == "Failed"


@pytest.mark.usefixtures("configure")
def test_one_that_does_not_move_loses_its_turn_also_when_its_clock_was_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Housekeeper("host:1:first"), Housekeeper("host:2:second")
    first.step()
    Lane.objects.update(until=timezone.now() + 24 * HOUR)
    item, seconds = queue_item("Failed", created_at=timezone.now() - 240 * HOUR), [0.0]
    monkeypatch.setattr(housekeeping, "time", SimpleNamespace(monotonic=lambda: seconds[-1]))
    for later, expected in ((0.0, "Failed"), (59.0, "Failed"), (61.0, "Expired")):
        seconds.append(later)
        second.step()
        assert state(item) == expected


@pytest.mark.usefixtures("configure")
def test_no_senders_study_can_take_the_housekeepers_place() -> None:
    Housekeeper("host:1:me").step()
    assert all("\\" in key for key in Lane.objects.values_list("key", flat=True))


@pytest.mark.parametrize(("wanted", "expected"), [(True, "Prepared"), (False, "Rejected")])
def test_rejected_items_are_tried_once_at_the_start_when_the_setting_asks_for_it(
    configure: Configure, wanted: bool, expected: str
) -> None:
    configure(retry_rejected_at_start=wanted)
    item = queue_item("Rejected", prepared_at=timezone.now())
    keeper = Housekeeper("host:1:me")
    keeper.step()
    assert state(item) == expected
    QueueItem.objects.update(state="Rejected")
    keeper.step()
    assert state(item) == "Rejected"


@pytest.mark.parametrize(("free", "goes"), [(1 << 30, True), (1 << 40, False)])
def test_files_go_sooner_when_the_disk_is_short_of_room(
    configure: Configure, tmp_path: Path, monkeypatch: Any, free: int, goes: bool
) -> None:
    configure(min_free_mib=1024)
    monkeypatch.setattr(Spool, "free_bytes", lambda self: free)
    spool = Spool(tmp_path / "spool", "none")
    identifier = received(spool).id
    waiting, expired, long_expired = (received(spool).id for _ in range(3))
    now = timezone.now()
    too_long = received(spool, identifier=first_at(now - 240 * HOUR)).id
    queue_item("Delivered", id=identifier, finished_at=now)
    queue_item("Prepared", id=waiting)
    # Nobody has received these: the shortage makes them go no sooner.
    queue_item("Prepared", id=too_long, created_at=now - 240 * HOUR)
    queue_item("Expired", id=expired, updated_at=now - 23 * HOUR)
    queue_item("Expired", id=long_expired, updated_at=now - 25 * HOUR)
    Housekeeper("host:1:me").step()
    assert state(too_long) == "Expired"
    assert spool.path(identifier).exists() is not goes
    assert all(spool.path(item).exists() for item in (waiting, too_long, expired))
    assert not spool.path(long_expired).exists()


@pytest.mark.usefixtures("configure")
def test_what_operators_want_of_abandoned_items_is_carried_out(tmp_path: Path) -> None:
    item = queue_item("New", id=received(Spool(tmp_path / "spool", "none")).id, pending_state="Failed")
    Housekeeper("host:1:me").step()
    assert state(item) == "Failed"


@pytest.mark.usefixtures("configure")
def test_files_and_rows_go_when_their_time_has_come(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "none")
    ends = [timezone.now() - timedelta(days=days) for days in (2, 100)]
    done, forgotten = (received(spool, identifier=first_at(at)).id for at in ends)
    for identifier, at in zip((done, forgotten), ends, strict=True):
        queue_item("Delivered", id=identifier, finished_at=at, updated_at=at)
    Housekeeper("host:1:me").step()
    assert not spool.path(done).exists()
    assert list(QueueItem.objects.values_list("id", flat=True)) == [done]


@pytest.mark.usefixtures("configure")
def test_finished_items_are_looked_through_once_a_minute_and_on_while_there_is_more(monkeypatch: Any) -> None:
    looks: list[int] = []
    keeper = Housekeeper("host:1:me")
    left = iter([0, *[1] * 25])

    def purge(*_: Any, **__: Any) -> int:
        looks.append(keeper._round)
        return next(left, 0)

    monkeypatch.setattr(housekeeping, "purge_files", purge)
    monkeypatch.setattr(Spool, "free_bytes", lambda self: 1 << 50)
    for _ in range(16):
        keeper.step()
    assert sorted(set(looks)) == [0, 12, 13]


@pytest.mark.usefixtures("configure")
def test_what_was_queued_by_the_title_that_a_node_had_a_moment_ago_follows_it(tmp_path: Path) -> None:
    node("PACS")
    late = settled(Spool(tmp_path / "spool", "none"))
    assert Housekeeper("host:1:me").step() == 1
    Node.objects.update(ae_title="NIGHT")
    Housekeeper("host:1:me").step()
    assert QueueItem.objects.get(id=late).destination_ae_title == "NIGHT"
    told = HistoryEntry.objects.filter(item=late, event="node renamed")
    assert list(told.values_list("actor", "to_state", "note")) == [("housekeeping", "New", "PACS is NIGHT now")]


@pytest.mark.usefixtures("configure")
def test_uploads_of_sessions_that_ended_without_a_log_out_go_after_half_a_day(tmp_path: Path) -> None:
    uploads = tmp_path / "samples"
    uploads.mkdir()
    for name, hours in (("old.dcm", 13), ("young.dcm", 11)):
        (uploads / name).write_bytes(b"DICM")
        at = time.time() - hours * 3600
        os.utime(uploads / name, (at, at))
    Housekeeper("me").step()
    assert [path.name for path in uploads.iterdir()] == ["young.dcm"]


@pytest.mark.usefixtures("configure")
def test_a_round_fails_what_waits_for_a_node_that_is_gone(tmp_path: Path) -> None:
    Spool(tmp_path / "spool", "none")
    keeper = Housekeeper("host:1:keeper")
    keeper.step()
    # The file is not missed: that is looked at in the first round alone.
    item = queue_item("Prepared", destination_ae_title="PACS")
    keeper.step()
    assert state(item) == "Failed"

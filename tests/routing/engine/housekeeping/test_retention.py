"""What is kept and for how long: files until nobody can need them."""

import errno
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from routing.core.states import QueueEvent
from routing.engine.housekeeping import retention
from routing.engine.housekeeping.retention import forget_idle, purge_files, sweep
from routing.models import (
    ApplicationLogLine,
    OperatorAction,
    OperatorStep,
    QueueItem,
    ScopedState,
    ServiceProcess,
)
from routing.operating.operator_actions import Action, perform
from routing.queue.record import record_for
from routing.spool.removal import Removal
from routing.spool.spool import SpoolGone
from tests.routing.engine.housekeeping import kept as keeping
from tests.routing.engine.housekeeping.kept import DAY, Kept

pytestmark = pytest.mark.django_db

kept = keeping.kept


@pytest.mark.parametrize("state", ["Delivered", "Dropped", "Expired"])
def test_the_file_of_what_left_the_queue_goes_after_its_time(kept: Kept, state: str) -> None:
    old, young = kept.item(state), kept.item(state, ended=DAY / 2)
    assert kept.purge() == 1
    assert (kept.has(old), kept.has(young)) == (False, True)
    old.refresh_from_db()
    young.refresh_from_db()
    assert old.purged_at is not None
    assert young.purged_at is None
    assert kept.purge() == 0


def test_a_look_at_what_was_received_lately_leaves_the_rest_to_the_look_at_everything(kept: Kept) -> None:
    old, late = kept.item("Delivered", ended=30 * DAY), kept.item("Delivered")
    assert purge_files(kept.spool, kept.files, DAY, since=timezone.now() - 9 * DAY) == 1
    assert (kept.has(old), kept.has(late)) == (True, False)
    assert kept.purge() == 1


@pytest.mark.parametrize("state", ["New", "Prepared", "Failed", "Rejected"])
def test_what_may_still_be_sent_keeps_its_file_for_ever(kept: Kept, state: str) -> None:
    item = kept.item(state, ended=1000 * DAY, created_at=timezone.now() - 1000 * DAY)
    assert kept.purge(timedelta(0)) == 0
    assert kept.has(item)


@pytest.mark.parametrize(
    ("state", "ended", "goes"),
    [
        ("Delivered", 2 * DAY, True),
        ("Delivered", DAY / 2, False),
        ("Prepared", 2 * DAY, False),
        ("Failed", 2 * DAY, False),
    ],
)
def test_a_file_stays_as_long_as_any_copy_may_need_it(kept: Kept, state: str, ended: timedelta, goes: bool) -> None:
    original = kept.item("Dropped")
    copy = kept.copy(original, state, ended=ended)
    assert kept.purge() == int(goes)
    assert kept.has(original) is not goes
    copy.refresh_from_db()
    assert (copy.purged_at is not None) is goes


def test_prepared_files_go_with_the_received_one(kept: Kept) -> None:
    original = kept.item("Delivered")
    copy = kept.copy(original, "Delivered")
    for item in (original, copy):
        item.prepared_file = kept.prepared_file(item)
        item.save()
    kept.purge()
    assert not list(kept.files.folder.iterdir())


def test_what_somebody_sends_again_in_time_keeps_its_file(kept: Kept) -> None:
    item = kept.item("Delivered", prepared_at=timezone.now())
    record_for(QueueItem.objects.filter(id=item.id), QueueEvent.SEND_AGAIN, actor="anna")
    assert kept.purge() == 0
    assert kept.has(item)


def test_what_somebody_sends_again_while_its_file_is_about_to_go_keeps_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = kept.item("Delivered", prepared_at=timezone.now())
    path_of = kept.spool.path

    def press_a_button_first(identifier: int) -> Path:
        # Asked behind the look for old files, and before their rows are locked.
        record_for(QueueItem.objects.filter(id=item.id), QueueEvent.SEND_AGAIN, actor="anna")
        return path_of(identifier)

    monkeypatch.setattr(kept.spool, "path", press_a_button_first)
    assert kept.purge() == 0
    monkeypatch.undo()
    assert kept.has(item)
    item.refresh_from_db()
    assert item.purged_at is None


@pytest.mark.parametrize(("state", "goes"), [("Delivered", True), ("Dropped", True), ("Expired", False)])
def test_where_room_is_scarce_a_file_goes_before_its_time_but_never_one_that_nobody_has(
    kept: Kept, state: str, goes: bool
) -> None:
    item = kept.item(state, ended=DAY / 2)
    assert purge_files(kept.spool, kept.files, DAY, scarce=True) == int(goes)
    assert kept.has(item) is not goes


def test_what_a_person_can_still_take_back_has_its_file_even_while_room_is_scarce(kept: Kept) -> None:
    item, earlier = kept.item("Prepared"), kept.item("Delivered", ended=timedelta(minutes=1))
    done = perform(Action.DELETE, [item.pk], actor="olga", scope="")
    assert kept.purge(scarce=True) == 1
    assert (kept.has(item), kept.has(earlier)) == (True, False)
    over = timezone.now() - timedelta(minutes=1)
    OperatorAction.objects.filter(pk=done.pk).update(undo_until=over)
    assert kept.purge(scarce=True) == 1
    assert not kept.has(item)


def test_what_a_deed_that_goes_on_behind_the_page_has_deleted_keeps_its_file_until_the_deed_is_silent(
    kept: Kept,
) -> None:
    now = timezone.now()
    item = kept.item("Dropped", ended=timedelta(seconds=90))
    deed = {"actor": "olga", "action": "delete", "at": now - timedelta(minutes=3), "undo_until": None}
    row = OperatorAction.objects.create(**deed, beat_at=now)
    assert kept.purge(scarce=True) == 0
    OperatorAction.objects.filter(pk=row.pk).update(beat_at=now - timedelta(minutes=2))
    assert kept.purge(scarce=True) == 1
    assert not kept.has(item)


def test_a_file_that_is_gone_already_does_not_matter(kept: Kept) -> None:
    item = kept.item("Delivered")
    kept.spool.discard(item.id)
    assert kept.purge() == 1


def refusing(monkeypatch: pytest.MonkeyPatch, *paths: Path, number: int = errno.EPERM) -> None:
    """As a disk with an error, or chattr +i."""
    really = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path in paths:
            raise OSError(number, os.strerror(number))
        really(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)


@pytest.mark.parametrize("refused", ["received", "prepared"])
def test_a_file_that_cannot_be_removed_stays_in_its_row_keeps_no_other_and_is_told_once(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, refused: str
) -> None:
    monkeypatch.setattr(retention, "_CHUNK", 1)
    item, other = kept.item("Delivered"), kept.item("Delivered")
    item.prepared_file = kept.prepared_file(item)
    item.save()
    path = kept.spool.path(item.id) if refused == "received" else kept.files.path(item.prepared_file)
    remove = Removal()

    def purge() -> list[int]:
        return [purge_files(kept.spool, kept.files, DAY, remove=remove) for _ in range(3)]

    with monkeypatch.context() as patched:
        refusing(patched, path)
        assert purge() == [0, 1, 0]
        remove.try_again()
        assert purge() == [0, 0, 0]
    item.refresh_from_db()
    assert (item.purged_at, path.exists(), kept.has(other)) == (None, True, False)
    assert caplog.text.count(f"file {path.name} cannot be removed: Operation not permitted") == 1
    remove.try_again()
    assert purge() == [1, 0, 0]
    item.refresh_from_db()
    assert item.purged_at is not None
    assert not path.exists()


def test_on_a_disk_that_is_read_only_not_every_file_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    item = kept.item("Delivered")
    refusing(monkeypatch, kept.spool.path(item.id), number=errno.EROFS)
    with pytest.raises(OSError, match="Read-only"):
        kept.purge()
    item.refresh_from_db()
    assert item.purged_at is None


def test_leftovers_that_cannot_be_removed_keep_no_others(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    item = kept.item("Prepared")
    parts = [kept.spool.path(item.id).with_name(f"{number}.dcm.part") for number in (1, 2)]
    drafts = [kept.files.folder / f"{number}-aaaa.part" for number in (1, 2)]
    lost = [kept.files.path(kept.prepared_file(item)) for _ in range(2)]
    for path in (*parts, *drafts, *lost):
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    refusing(monkeypatch, parts[0], drafts[0], lost[0])
    assert sweep(kept.spool, kept.files) == 3
    assert [path for path in (*parts, *drafts, *lost) if path.exists()] == [parts[0], drafts[0], lost[0]]


def test_much_is_purged_in_portions(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_CHUNK", 2)
    for _ in range(5):
        kept.item("Delivered")
    assert [kept.purge() for _ in range(4)] == [2, 2, 1, 0]


def test_what_nobody_uses_any_more_is_forgotten() -> None:
    now = timezone.now()
    for uid, used in (("1.1", now - timedelta(hours=25)), ("1.2", now - timedelta(hours=23))):
        ScopedState.objects.create(scope="study", uid=uid, values={"n": 1}, used_at=used)
    for days in (31, 29):
        ApplicationLogLine.objects.create(at=now - days * DAY, level="info", process="p", logger="l", message=str(days))
    for owner, hours in (("h:1:a", 2), ("h:2:b", 0)):
        ServiceProcess.objects.create(
            owner=owner, role="prepare", host="h", pid=1, started_at=now, seen_at=now - timedelta(hours=hours)
        )
    for days in (29, 31):
        done = OperatorAction.objects.create(at=now - days * DAY, actor="olga", action="retry")
        OperatorStep.objects.create(action=done, item_id=days, to_state="New", moved_at=now, before={})
    forget_idle(30 * DAY)
    assert OperatorStep.objects.get().item_id == 29
    assert ScopedState.objects.get().uid == "1.2"
    assert ApplicationLogLine.objects.get().message == "29"
    assert ServiceProcess.objects.get().owner == "h:2:b"


@pytest.mark.fault(85, "files are to be purged while the spool is unmounted")
def test_files_of_a_spool_that_is_away_are_not_taken_for_removed(tmp_path: Path) -> None:
    """Back again they would have no row that knows of them, be adopted, and be sent once more."""
    kept = Kept(tmp_path)
    kept.spool.mark()
    item = kept.item("Delivered")
    away = tmp_path / "away"
    kept.spool.root.rename(away)
    kept.spool.root.mkdir()
    with pytest.raises(SpoolGone):
        kept.purge()
    kept.spool.root.rmdir()
    away.rename(kept.spool.root)
    item.refresh_from_db()
    assert item.purged_at is None
    assert kept.purge() == 1

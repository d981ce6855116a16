"""Rows are kept longer than files, and go with all that hangs on them; a file that is back goes before its row."""

from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.engine.housekeeping import retention
from routing.engine.housekeeping.retention import forget_history, forget_idle
from routing.models import HistoryEntry, QueueItem, Rehearsal
from routing.spool.removal import Removal
from routing.spool.spool import SpoolGone
from tests.routing.engine.housekeeping import kept as keeping
from tests.routing.engine.housekeeping.kept import DAY, Kept

pytestmark = pytest.mark.django_db
kept = keeping.kept


def test_history_is_forgotten_after_the_files_and_with_all_that_hangs_on_it(kept: Kept) -> None:
    old, young = kept.item("Delivered", ended=100 * DAY), kept.item("Delivered", ended=50 * DAY)
    unpurged = kept.item("Failed", ended=100 * DAY)
    HistoryEntry.objects.create(item=old, at=timezone.now(), event="received", to_state="New", actor="listener")
    kept.purge()
    assert forget_history(kept.spool, 90 * DAY) == 1
    assert set(QueueItem.objects.values_list("id", flat=True)) == {young.id, unpurged.id}
    assert not HistoryEntry.objects.exists()


def test_history_is_kept_from_the_last_that_happened_and_not_from_the_reception(kept: Kept) -> None:
    late = kept.item("Delivered", ended=100 * DAY, purged_at=timezone.now(), updated_at=timezone.now() - 50 * DAY)
    assert forget_history(kept.spool, 90 * DAY) == 0
    assert forget_history(kept.spool, 49 * DAY) == 1
    assert not QueueItem.objects.filter(id=late.id).exists()


def test_a_look_for_what_is_too_old_reads_no_younger_rows(kept: Kept) -> None:
    """They are nearly all that there is: with ten million it read the whole database every minute."""
    kept.item("Delivered", ended=50 * DAY, purged_at=timezone.now())
    with CaptureQueriesContext(connection) as asked:
        assert forget_history(kept.spool, 90 * DAY) == 0
    assert '"routing_queueitem"."id" < ' in asked.captured_queries[0]["sql"]


def test_an_original_is_not_forgotten_before_its_copies(kept: Kept) -> None:
    original = kept.item("Dropped", ended=100 * DAY, purged_at=timezone.now())
    copy = kept.copy(original, "Prepared", ended=100 * DAY)
    assert forget_history(kept.spool, 90 * DAY) == 0
    QueueItem.objects.filter(id=copy.id).update(purged_at=timezone.now())
    assert forget_history(kept.spool, 90 * DAY) == 2


def test_a_file_that_is_back_although_it_was_removed_goes_before_its_row(kept: Kept) -> None:
    back = kept.item("Delivered", ended=100 * DAY, purged_at=timezone.now())
    assert kept.has(back)
    assert forget_history(kept.spool, 90 * DAY) == 1
    assert not kept.has(back), "without a row it would be adopted, and sent again"


def test_the_row_of_a_file_that_cannot_be_removed_stays(kept: Kept) -> None:
    back = kept.item("Delivered", ended=100 * DAY, purged_at=timezone.now())
    kept.spool.path(back.id).unlink()
    # As an immutable file, which root can't remove either.
    kept.spool.path(back.id).mkdir()
    assert forget_history(kept.spool, 90 * DAY) == 0
    assert QueueItem.objects.get().id == back.id


def test_files_that_cannot_be_removed_keep_no_other_row(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_CHUNK", 2)
    stuck = [kept.item("Delivered", ended=100 * DAY, purged_at=timezone.now()) for _ in range(2)]
    kept.item("Delivered", ended=100 * DAY, purged_at=timezone.now())
    for item in stuck:
        kept.spool.path(item.id).unlink()
        kept.spool.path(item.id).mkdir()
    remove = Removal()
    assert [forget_history(kept.spool, 90 * DAY, remove=remove) for _ in range(2)] == [0, 1]
    assert list(QueueItem.objects.order_by("id")) == stuck


def test_no_history_is_forgotten_while_the_spool_is_away(kept: Kept, tmp_path: Path) -> None:
    kept.spool.mark()
    back = kept.item("Delivered", ended=100 * DAY, purged_at=timezone.now())
    kept.spool.root.rename(tmp_path / "away")
    kept.spool.root.mkdir()
    with pytest.raises(SpoolGone):
        forget_history(kept.spool, 90 * DAY)
    assert QueueItem.objects.get().id == back.id


def test_a_rehearsal_is_forgotten_thirty_days_after_its_end_also_where_nobody_begins_another() -> None:
    usual = {"kind": "past", "content": {}, "created_by": "anna"}
    for scope, days in (("old", 31), ("young", 29)):
        Rehearsal.objects.create(scope=scope, state="done", ended_at=timezone.now() - days * DAY, **usual)
    Rehearsal.objects.create(scope="open", state="running", **usual)
    forget_idle(30 * DAY)
    assert set(Rehearsal.objects.values_list("scope", flat=True)) == {"young", "open"}

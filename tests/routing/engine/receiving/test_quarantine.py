"""What was refused has its row and its file for a while, and becomes an item when a person wants it."""

import errno
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.core.instance import ReceivedInstance, RefusedInstance
from routing.engine.directory import Directory
from routing.engine.housekeeping.retention import expire
from routing.engine.receiving.quarantine import QuarantineWriter, discard, keep_order, note, set_aside_torn, take
from routing.engine.receiving.receive import instance_in
from routing.models import HistoryEntry, QuarantinedInstance, QueueItem
from routing.spool.checksum import checksum_of
from routing.spool.quarantined import quarantined, quarantined_ids
from routing.spool.seal import Seal
from routing.spool.spool import Spool
from tests.builders import node, received

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, durable="none")


def refused(spool: Spool, **fields: Any) -> RefusedInstance:
    """A refused instance as the listener leaves it, without a row."""
    instance = received(spool, **fields)
    path = quarantined(spool, instance.id)
    path.parent.mkdir(exist_ok=True)
    spool.path(instance.id).rename(path)
    return RefusedInstance(instance, 0xA900, "no Study Instance UID", kept=True)


def test_the_row_says_who_what_and_why(spool: Spool) -> None:
    one = refused(spool, calling_ae_title="CT_1", peer_address="192.0.2.7")
    note([one])
    note([one])
    row = QuarantinedInstance.objects.get()
    told = (row.id, row.source_ae_title, row.peer_address, row.status, row.reason, row.kept)
    assert told == (one.instance.id, "CT_1", "192.0.2.7", 0xA900, "no Study Instance UID", True)


def test_a_database_that_is_away_costs_a_row_and_not_the_thread(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def refuse(_: object) -> None:
        raise DatabaseError("locked")

    monkeypatch.setattr("routing.engine.receiving.quarantine.note", refuse)
    writer = QuarantineWriter()
    writer.start()
    writer.add(RefusedInstance(received_nothing(), 0xC000, "empty", kept=False))
    writer.stop()
    assert "1 refused instances could not be noted: locked" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [1, 3, 64, 65, 200])
def test_the_thread_writes_all_that_it_was_given_and_ends(spool: Spool, count: int) -> None:
    one = refused(spool)
    writer = QuarantineWriter()
    for number in range(count):
        instance = replace(one.instance, id=one.instance.id + number)
        writer.add(RefusedInstance(instance, 0xC000, "noise", kept=True))
    writer.start()
    writer.stop()
    assert QuarantinedInstance.objects.count() == count


def received_nothing() -> Any:
    class Nothing:
        id = 7

    return Nothing()


def test_whoever_takes_it_gets_an_item_with_the_same_file_and_the_reason_in_its_history(
    spool: Spool, django_capture_on_commit_callbacks: Any
) -> None:
    node("PACS")
    one = refused(spool)
    note([one])
    content = quarantined(spool, one.instance.id).read_bytes()
    row, directory = QuarantinedInstance.objects.get(), Directory("CAPACITOR", "DCP_", age=0)
    with django_capture_on_commit_callbacks(execute=True):
        assert take(row, spool, directory, "anna") == one.instance.id
    item = QueueItem.objects.get()
    assert (item.id, item.state, item.destination_ae_title) == (one.instance.id, "New", "PACS")
    assert spool.path(item.id).read_bytes() == content
    assert item.checksum == checksum_of(spool.path(item.id)), "from here on damage is noticed"
    entry = HistoryEntry.objects.get()
    assert (entry.actor, entry.note) == ("anna", "taken from quarantine; was refused: no Study Instance UID")
    assert not QuarantinedInstance.objects.exists()
    assert not quarantined(spool, item.id).exists()


def test_what_is_taken_after_more_than_the_expiry_age_has_all_of_it_before_it(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    node("PACS")
    old = timezone.now() - 8 * DAY
    one = refused(spool, identifier=first_at(old))
    note([one])

    def then(path: Path, identifier: int, **options: Any) -> ReceivedInstance:
        return replace(instance_in(path, identifier, **options), received_at=old)

    monkeypatch.setattr("routing.engine.receiving.quarantine.instance_in", then)
    take(QuarantinedInstance.objects.get(), spool, Directory("CAPACITOR", "DCP_", age=0), "anna")
    assert expire(7 * DAY).moved == 0
    assert QueueItem.objects.get().state == "New"


def test_what_is_too_old_goes_with_its_file(spool: Spool) -> None:
    old, young = refused(spool), refused(spool)
    for one in (old, young):
        note([one])
    QuarantinedInstance.objects.filter(pk=old.instance.id).update(received_at=timezone.now() - 2 * DAY)
    assert keep_order(spool, DAY, 1 << 30) == 1
    assert [row.pk for row in QuarantinedInstance.objects.all()] == [young.instance.id]
    assert not quarantined(spool, old.instance.id).exists()
    assert quarantined(spool, young.instance.id).exists()


def test_beyond_the_room_for_them_the_oldest_files_go_and_their_rows_stay(spool: Spool) -> None:
    old, young = refused(spool), refused(spool)
    for one in (old, young):
        note([one])
    assert keep_order(spool, DAY, young.instance.size) == 1
    assert [row.kept for row in QuarantinedInstance.objects.order_by("id")] == [False, True]
    assert not quarantined(spool, old.instance.id).exists()


def test_what_cannot_be_removed_keeps_its_row_and_no_other(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [refused(spool) for _ in range(3)]
    for one in made:
        note([one])
    stuck, really = quarantined(spool, made[1].instance.id), Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        really(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    assert keep_order(spool, DAY, 0) == 2
    assert [row.kept for row in QuarantinedInstance.objects.order_by("id")] == [False, True, False]
    assert keep_order(spool, -DAY, 0) == 0
    assert QuarantinedInstance.objects.get().pk == made[1].instance.id


def test_of_a_sender_that_is_wrong_for_ever_the_newest_rows_stay(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.engine.receiving.quarantine.MOST_ROWS", 2)
    made = [refused(spool) for _ in range(4)]
    for one in made:
        note([one])
    assert keep_order(spool, DAY, 1 << 30) == 2
    newest = {one.instance.id for one in made[2:]}
    assert set(QuarantinedInstance.objects.values_list("id", flat=True)) == newest == set(quarantined_ids(spool))


def test_a_torn_file_of_yesterday_is_none_of_the_oldest_that_go(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.engine.receiving.quarantine.MOST_ROWS", 2)
    torn = received(spool, identifier=first_at(timezone.now() - DAY))
    rows = [refused(spool) for _ in range(2)]
    QuarantinedInstance.objects.all().delete()
    note(rows)
    QuarantinedInstance.objects.update(received_at=timezone.now() - DAY / 2)
    set_aside_torn(spool, torn.id, Seal(torn.size, 1), Seal(torn.size, 2))
    assert keep_order(spool, DAY, 1 << 30) == 1
    assert QuarantinedInstance.objects.filter(pk=torn.id).exists()
    keep_order(spool, DAY, torn.size)
    assert quarantined_ids(spool) == [torn.id]


def test_a_file_whose_row_was_lost_by_a_kill_gets_one(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    one = refused(spool)
    keep_order(spool, DAY, 1 << 30)
    assert not QuarantinedInstance.objects.exists(), "its row may be on its way"
    monkeypatch.setattr("routing.engine.receiving.quarantine._SETTLED", timedelta(0))
    keep_order(spool, DAY, 1 << 30)
    assert QuarantinedInstance.objects.get().pk == one.instance.id


def test_what_is_in_quarantine_is_never_adopted(spool: Spool) -> None:
    refused(spool)
    assert list(spool.ids()) == []


def test_what_has_lost_its_file_can_be_removed_all_the_same(
    spool: Spool, django_capture_on_commit_callbacks: Any
) -> None:
    note([one := refused(spool)])
    quarantined(spool, one.instance.id).unlink()
    with django_capture_on_commit_callbacks(execute=True):
        discard(QuarantinedInstance.objects.get(), spool)
    assert not QuarantinedInstance.objects.exists()

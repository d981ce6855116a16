"""A file without a row gets one again, the same as before; what is no DICOM is told and left."""

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from routing.core.identifiers import EPOCH, first_at
from routing.engine.directory import Directory
from routing.engine.housekeeping import adopt as adopting
from routing.engine.housekeeping.adopt import adopt
from routing.engine.receiving.quarantine import keep_order
from routing.engine.receiving.receive import enqueue
from routing.models import HistoryEntry, QuarantinedInstance, QueueItem
from routing.spool.quarantined import quarantined
from routing.spool.seal import Seal
from routing.spool.spool import Spool
from tests.builders import ct_image, node, queue_item, received

pytestmark = pytest.mark.django_db


def directory() -> Directory:
    return Directory("CAPACITOR", "DCP_", age=0)


def adopted(spool: Spool, **options: Any) -> int:
    return adopt(spool, directory(), **({"since": None} | options))


def rows() -> list[dict[str, Any]]:
    return list(QueueItem.objects.order_by("id").values(*(f.attname for f in QueueItem._meta.concrete_fields)))


def test_after_the_loss_of_all_rows_every_row_comes_back_with_the_same_values(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopting, "_CHUNK", 3)
    node("PACS")
    instances = [
        received(spool, called_ae_title="DCP_PACS"),
        received(spool, calling_ae_title="MR_1", called_ae_title="CAPACITOR", peer_address="2001:db8::1"),
        received(spool, called_ae_title="GONE"),
        received(spool, ct_image(PatientID=None, StudyInstanceUID=None)),
        received(spool, b""),
        received(spool, association_id="association-2", sop_instance_uid="1.9"),
        received(spool),
    ]
    enqueue(instances, spool, directory(), actor="listener")
    before = rows()
    QueueItem.objects.all().delete()
    assert adopted(spool) == 7
    after = rows()
    for row in (*before, *after):
        del row["updated_at"]
    assert after == before
    notes = HistoryEntry.objects.values_list("event", "actor", "note")
    told = {(event, actor, note.split(";")[0]) for event, actor, note in notes}
    assert told == {("received", "recovery", "adopted: the file was there without a row")}


def test_a_file_with_a_row_is_left_alone(spool: Spool) -> None:
    node("PACS")
    instance = received(spool)
    enqueue([instance], spool, directory(), actor="listener")
    QueueItem.objects.update(state="Delivered")
    assert adopted(spool) == 0
    assert QueueItem.objects.get().state == "Delivered"


def test_files_from_a_moment_on_are_looked_at_and_no_older_ones(spool: Spool) -> None:
    node("PACS")
    now = datetime.now(UTC)
    old = received(spool, identifier=first_at(now - timedelta(hours=3)))
    new = received(spool, identifier=first_at(now - timedelta(minutes=3)))
    assert adopted(spool, since=now - timedelta(hours=1)) == 1
    assert QueueItem.objects.get().id == new.id
    assert adopted(spool) == 1
    assert QueueItem.objects.filter(id=old.id).exists()


def test_the_database_is_asked_once_for_each_file(spool: Spool, django_assert_num_queries: Any) -> None:
    node("PACS")
    old, queued_before, new = (received(spool) for _ in range(3))
    enqueue([old, queued_before], spool, directory(), actor="listener")
    queued: set[int] = set()
    assert adopted(spool, queued=queued) == 1
    assert queued == {old.id, queued_before.id}
    # The next look asks for what the last one has adopted, which is not taken for granted; the third for nothing.
    assert adopted(spool, queued=queued) == 0
    assert queued == {old.id, queued_before.id, new.id}
    with django_assert_num_queries(0):
        assert adopted(spool, queued=queued) == 0
    # What a later look does not come to is forgotten.
    since = EPOCH + timedelta(microseconds=queued_before.id >> 10)
    assert adopted(spool, since=since, queued=queued) == 0
    assert queued == {queued_before.id, new.id}


def test_files_whose_rows_are_on_their_way_are_not_looked_at(spool: Spool) -> None:
    node("PACS")
    received(spool)
    assert adopted(spool, settled=timedelta(minutes=1)) == 0
    assert adopted(spool, settled=timedelta(0)) == 1


def test_what_came_while_the_clock_was_ahead_is_adopted_by_a_look_at_all(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopting, "_CHUNK", 2)
    node("PACS")
    now = datetime.now(UTC)
    for _ in range(3):
        received(spool)
    ahead = [received(spool, identifier=first_at(now + timedelta(days=1)) + number).id for number in range(3)]
    assert adopted(spool, since=now - timedelta(minutes=1), settled=timedelta(seconds=30)) == 0
    assert adopted(spool, settled=timedelta(seconds=30)) == 3
    assert set(QueueItem.objects.values_list("id", flat=True)) == set(ahead)


def test_a_file_that_is_no_dicom_stays_and_is_told_once(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    node("PACS")
    wrong, good = received(spool), received(spool)
    spool.path(wrong.id).write_bytes(b"not DICOM")
    unreadable: set[int] = set()
    assert adopted(spool, unreadable=unreadable) == 1
    assert adopted(spool, unreadable=unreadable) == 0
    assert caplog.text.count(f"{wrong.id}.dcm cannot be adopted: no DICM mark") == 1
    assert spool.path(wrong.id).exists()
    assert QueueItem.objects.get().id == good.id
    assert unreadable == {wrong.id}


def test_a_file_whose_number_a_copy_has_is_told_until_it_has_one_of_its_own(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    node("PACS")
    other, taken = received(spool), received(spool, sop_instance_uid="1.7.7")
    enqueue([other], spool, directory(), actor="listener")
    queue_item("Prepared", id=taken.id, received_id=other.id, copied_from=other.id)
    assert enqueue([taken], spool, directory(), actor="listener") == 0
    unreadable: set[int] = set()
    for _ in range(2):
        assert adopted(spool, unreadable=unreadable) == 0
        assert unreadable == {taken.id}
    assert caplog.text.count(f"{taken.id}.dcm cannot be adopted: its number is that of another image's item") == 1
    spool.path(taken.id).rename(spool.path(taken.id + 1))
    assert adopted(spool, unreadable=unreadable) == 1
    assert unreadable == set()
    assert QueueItem.objects.get(id=taken.id + 1).sop_instance_uid == "1.7.7"


@pytest.mark.parametrize("remedy", ["a whole copy", "removed"])
def test_a_file_that_was_put_right_or_removed_is_unreadable_no_longer(spool: Spool, remedy: str) -> None:
    node("PACS")
    wrong = received(spool)
    path, unreadable = spool.path(wrong.id), set[int]()
    content = path.read_bytes()
    path.write_bytes(b"not DICOM")
    adopted(spool, unreadable=unreadable)
    if remedy == "removed":
        path.unlink()
    else:
        path.write_bytes(content)
    assert adopted(spool, unreadable=unreadable) == (remedy != "removed")
    assert unreadable == set()


def test_what_has_a_row_by_another_way_is_unreadable_no_longer(spool: Spool) -> None:
    node("PACS")
    instance = received(spool)
    unreadable = {instance.id}
    enqueue([instance], spool, directory(), actor="listener")
    assert adopted(spool, unreadable=unreadable) == 0
    assert unreadable == set()


def test_a_file_that_cannot_even_be_looked_at_keeps_no_other_from_adoption(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    node("PACS")
    wrong, good = received(spool), received(spool)
    spool.path(wrong.id).write_bytes(b"not DICOM")
    unreadable, really = {wrong.id}, Path.stat

    def stat(path: Path, **options: Any) -> Any:
        if path == spool.path(wrong.id):
            raise OSError(errno.EIO, "Input/output error")
        return really(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert adopted(spool, unreadable=unreadable) == 1
    assert QueueItem.objects.get().id == good.id
    assert unreadable == {wrong.id}


def test_files_of_other_names_are_nobodys_business(spool: Spool) -> None:
    instance = received(spool)
    folder = spool.path(instance.id).parent
    for name in ("notes.dcm", f"{'9' * 40}.dcm", "7.dcm", f"{instance.id + 1}.dcm.part"):
        (folder / name).write_bytes(b"x")
    assert adopted(spool) == 1
    assert QueueItem.objects.get().id == instance.id
    assert QueueItem.objects.get().created_at > EPOCH


@pytest.mark.parametrize(
    ("left", "why", "kept"),
    [
        (lambda whole: b"", "0 of {} bytes", False),
        (lambda whole: whole[:600], "600 of {} bytes", True),
        (lambda whole: bytes(len(whole)), "its bytes have changed", True),
        (lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]), "its bytes have changed", True),
    ],
)
def test_what_a_power_cut_left_of_a_file_goes_into_the_quarantine_and_never_into_the_queue(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, left: Callable[[bytes], bytes], why: str, kept: bool
) -> None:
    whole, torn = received(spool), received(spool, calling_ae_title="MR_1")
    seals = {spool.path(one.id): Seal(one.size, one.checksum or 0) for one in (whole, torn)}
    monkeypatch.setattr(adopting, "seal_of", seals.get)
    path = spool.path(torn.id)
    path.write_bytes(left(path.read_bytes()))
    synced: list[Path] = []
    monkeypatch.setattr(adopting, "sync_file", synced.append)
    now = datetime.now(UTC)
    assert adopted(spool) == 1
    assert synced == [spool.path(whole.id)]
    row = QueueItem.objects.get()
    assert (row.id, row.checksum) == (whole.id, whole.checksum)
    refused = QuarantinedInstance.objects.get()
    assert refused.id == torn.id
    assert refused.reason.startswith(why.format(torn.size)) and "the power went" in refused.reason
    # Its time there begins now: what is older than that would go at once.
    assert refused.received_at >= now
    assert refused.kept is kept and quarantined(spool, torn.id).exists() is kept
    assert list(spool.ids()) == [whole.id]
    assert adopted(spool) == 0
    assert keep_order(spool, timedelta(days=1), 1 << 30) == 0
    assert QuarantinedInstance.objects.count() == 1


@pytest.mark.fault(85, "the disk does not list the folder of one hour")
def test_an_hour_that_cannot_be_listed_keeps_no_other_from_being_looked_at(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    bad, good = (received(spool, identifier=first_at(now - timedelta(hours=hours)) + 7) for hours in (5, 3))
    folder, really = spool.path(bad.id).parent, os.scandir

    def scandir(path: Path) -> Any:
        if path == folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return really(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scandir)
        assert adopted(spool) == 1
        assert [row["id"] for row in rows()] == [good.id]
        assert "cannot be listed, and nothing in it adopted: Input/output error" in caplog.text
        with pytest.raises(OSError, match="Input/output error"):
            # Whoever copies the files must not leave any out.
            list(spool.ids())
    assert adopted(spool) == 1

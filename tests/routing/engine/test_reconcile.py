"""Rows and files are compared at the start: what waits for a missing file fails, unless the spool itself is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.utils import timezone

from routing.core.states import QueueEvent
from routing.engine.reconcile import MISSING, PREPARED_MISSING, fail_for_nobody, fail_missing
from routing.models import HistoryEntry, ItemLogLine, QueueItem
from routing.queue.record import record_for
from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool, SpoolGone
from tests.builders import node, queue_item, received

pytestmark = pytest.mark.django_db


def states() -> list[tuple[str, str]]:
    return list(QueueItem.objects.order_by("id").values_list("state", "last_error"))


@pytest.mark.fault(90, "the files of two of five items, found at the start")
def test_only_items_whose_own_file_is_missing_fail_and_say_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "none")
    there, gone = received(spool).id, received(spool).id
    queue_item("Prepared", id=there)
    queue_item("New", id=gone)
    queue_item("Prepared", received_id=gone)
    queue_item("Delivered", received_id=gone)
    files = PreparedFiles(spool.root)
    with files.draft() as draft:
        draft.write_bytes(b"made")
        name = files.keep(draft, gone)
    queue_item("Prepared", received_id=gone, prepared_file=name)
    spool.discard(gone)
    assert fail_missing(spool) == 2
    assert sorted(states()) == [
        ("Delivered", ""),
        ("Failed", MISSING),
        ("Failed", MISSING),
        ("Prepared", ""),
        ("Prepared", ""),
    ]
    assert set(HistoryEntry.objects.values_list("event", "note")) == {("gave up", MISSING)}
    assert fail_missing(spool) == 0


def test_an_item_that_a_worker_takes_meanwhile_is_that_workers_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, spool = queue_item("Prepared"), Spool(tmp_path / "spool", "none")

    def taken(_: Spool) -> bool:
        QueueItem.objects.update(lease_owner="host:1:other")
        return False

    monkeypatch.setattr(Spool, "gone", property(taken))
    assert fail_missing(spool) == 0
    item.refresh_from_db()
    assert (item.state, item.pending_state) == ("Prepared", "")


def test_a_prepared_file_that_is_missing_is_not_told_as_what_the_modality_sent(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", "none")
    item = received(spool).id
    queue_item("Prepared", id=item, prepared_file=f"{item}-00000000-00000000.dcm")
    assert fail_missing(spool) == 1
    assert states() == [("Failed", PREPARED_MISSING)]
    assert set(HistoryEntry.objects.values_list("event", "note")) == {("gave up", PREPARED_MISSING)}


@pytest.mark.fault(85, "the spool is taken away while items wait, and comes back")
@pytest.mark.parametrize("left", ["an empty mount point", "nothing"])
def test_a_spool_that_is_gone_fails_nothing(tmp_path: Path, left: str) -> None:
    spool = Spool(tmp_path / "spool", "none")
    spool.mark()
    queue_item("Prepared", id=received(spool).id)
    shutil.move(spool.root, tmp_path / "away")
    if left != "nothing":
        spool.root.mkdir()
    with pytest.raises(SpoolGone, match="is its file system mounted"):
        fail_missing(spool)
    with pytest.raises(OSError):
        received(spool, identifier=1 << 40)
    assert states() == [("Prepared", "")]
    shutil.rmtree(spool.root, ignore_errors=True)
    shutil.move(tmp_path / "away", spool.root)
    assert fail_missing(spool) == 0
    assert received(spool).size


def test_what_is_sent_again_after_its_node_was_deleted_fails_and_says_so() -> None:
    pacs = node("PACS")
    again = queue_item("Delivered", node=pacs, destination_ae_title="PACS", prepared_at=timezone.now())
    there, held = queue_item("Prepared", node=node("OTHER")), queue_item("Prepared", lease_owner="host:1:other")
    pacs.delete()
    assert record_for(QueueItem.objects.filter(pk=again.pk), QueueEvent.SEND_AGAIN, actor="olga").moved == 1
    assert fail_for_nobody() == 1
    assert fail_for_nobody() == 0
    for item in (again, there, held):
        item.refresh_from_db()
    assert (again.state, again.last_error) == ("Failed", "node PACS has been deleted")
    assert again.history.latest("pk").note == "node PACS has been deleted"
    assert (there.state, held.state) == ("Prepared", "Prepared")


def test_what_is_sent_again_goes_to_the_node_that_was_made_in_place_of_its_own() -> None:
    pacs = node("PACS")
    again = queue_item("Delivered", node=pacs, prepared_at=timezone.now())
    held = queue_item("Prepared", node=pacs, lease_owner="host:1:other")
    pacs.delete()
    new = node("VNA", aliases=["PACS"])
    record_for(QueueItem.objects.filter(pk=again.pk), QueueEvent.SEND_AGAIN, actor="olga")
    fail_for_nobody()
    for item in (again, held):
        item.refresh_from_db()
    assert (again.state, again.node, again.destination_ae_title) == ("Prepared", new, "VNA")
    assert ItemLogLine.objects.get(item=again).text == "it was for no node; PACS means node VNA now"
    assert (held.node, held.destination_ae_title) == (None, "PACS")


def test_each_goes_to_the_node_of_its_own_title_and_what_has_left_stays_where_it_was() -> None:
    pacs = node("PACS")
    mine, gone = queue_item("Prepared"), queue_item("Prepared", destination_ae_title="ZZ_GONE")
    left = queue_item("Delivered", destination_ae_title="ZZ_GONE")
    assert fail_for_nobody() == 2
    for item in (mine, gone, left):
        item.refresh_from_db()
    assert (mine.node, mine.state) == (pacs, "Prepared")
    assert (gone.node, gone.state, gone.last_error) == (None, "Failed", "node ZZ_GONE has been deleted")
    assert (left.node, left.state, left.destination_ae_title) == (None, "Delivered", "ZZ_GONE")

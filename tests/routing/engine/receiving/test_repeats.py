"""The same SOP instance again: the same bytes are a repetition, other bytes a collision; both are kept and go on."""

import errno
from pathlib import Path
from typing import Any

import pytest

from routing.engine.directory import Directory
from routing.engine.receiving.receive import enqueue
from routing.models import HistoryEntry, QueueItem
from routing.spool.spool import Spool
from tests.builders import ct_image, node, queue_item, received

pytestmark = pytest.mark.django_db


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    node("PACS")
    return Spool(tmp_path, durable="none")


def queued(spool: Spool, *contents: bytes, **fields: str) -> list[QueueItem]:
    """Items of these data sets, queued in one batch."""
    instances = [received(spool, content, **fields) for content in contents]
    enqueue(instances, spool, Directory("CAPACITOR", "DCP_", age=0), actor="listener")
    return [QueueItem.objects.get(pk=instance.id) for instance in instances]


@pytest.mark.fault(37)
def test_ten_times_the_same_image_are_ten_items_that_name_the_one_before(spool: Spool, seen) -> None:
    (first,) = queued(spool, ct_image())
    again = queued(spool, *[ct_image()] * 9)
    assert [item.repeat_of for item in again] == [first.pk, *(item.pk for item in again[:-1])]
    assert {item.state for item in (first, *again)} == {"New"}
    assert not QueueItem.objects.filter(collides_with__isnull=False).exists()
    assert HistoryEntry.objects.get(item=again[0]).note == f"the image of item {first.pk} again"
    seen("10 of 10 queued, 9 told as repetitions of the one before")


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    "other", [ct_image(PatientID="T-2"), ct_image(PatientID="T-22")], ids=["same size", "other size"]
)
def test_other_bytes_under_the_same_uid_are_a_collision_and_both_go_on(spool: Spool, other: bytes, seen) -> None:
    (first,) = queued(spool, ct_image())
    (second,) = queued(spool, other)
    assert (second.repeat_of, second.collides_with) == (None, first.pk)
    assert {first.state, second.state} == {"New"}
    assert spool.path(first.pk).read_bytes() != spool.path(second.pk).read_bytes()
    assert HistoryEntry.objects.get(item=second).note.startswith(f"UID collision: item {first.pk} has")
    seen("2 of 2 kept and queued, the second told as a UID collision")


def test_in_one_batch_as_well(spool: Spool) -> None:
    first, second, third = queued(spool, ct_image(), ct_image(), ct_image(PatientID="T-2"))
    assert (second.repeat_of, third.collides_with) == (first.pk, second.pk)


def test_a_copy_that_was_sent_under_the_same_uid_hides_no_collision(spool: Spool) -> None:
    """It has no file of its own, and a file that is gone counts as the same where the sizes agree."""
    (first,) = queued(spool, ct_image())
    alike = {name: getattr(first, name) for name in ("sop_instance_uid", "size", "dataset_offset")}
    queue_item("Delivered", id=first.pk + 1, received_id=first.pk, **alike)
    (second,) = queued(spool, ct_image(PatientID="T-2"))
    assert (second.repeat_of, second.collides_with) == (None, first.pk)


def test_an_earlier_file_that_cannot_be_read_keeps_nothing_from_the_queue(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = queued(spool, ct_image())
    really = Path.open

    def broken(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == spool.path(first.pk):
            raise OSError(errno.EIO, "Input/output error")
        return really(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", broken)
    (second,) = queued(spool, ct_image())
    assert (second.state, second.repeat_of, second.collides_with) == ("New", None, first.pk)


def test_other_instances_have_nothing_to_do_with_it(spool: Spool) -> None:
    queued(spool, ct_image())
    (other,) = queued(spool, ct_image(), sop_instance_uid="1.9")
    assert (other.repeat_of, other.collides_with) == (None, None)


def test_where_the_earlier_file_is_gone_sizes_have_to_do(spool: Spool) -> None:
    (first,) = queued(spool, ct_image())
    spool.discard(first.pk)
    (second,) = queued(spool, ct_image(PatientID="T-9"))
    assert second.repeat_of == first.pk

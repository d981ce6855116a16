"""Files that changed, went away or cannot be read: each concerns its own item, which says so and is not sent."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routing.core.states import QueueEvent
from routing.engine.delivering import source
from routing.engine.delivering.item_file import Form, NoSuchFile, item_file
from routing.engine.delivering.outgoing import Outgoing
from routing.engine.delivering.source import FileDamaged, Source
from routing.engine.receiving.receive import instance_in
from routing.models import ItemLogLine, QueueItem
from routing.queue.claims import Deliverable
from routing.queue.record import record_for
from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool
from scripts_app.core.dataset.file_meta import encode_file_meta
from scripts_app.core.dataset.recipe import Recipe
from tests.builders import CT_IMAGE, EXPLICIT
from tests.faults.mounts import unreadable
from tests.routing.dicom.peers import dataset
from tests.routing.engine.delivering.delivery import back_off_is_over, delivery, node, states, storage_node

pytestmark = pytest.mark.django_db


def flip(path: Path, at: int = -1) -> None:
    """One bit of one byte."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


@pytest.mark.integration
@pytest.mark.fault(91, "one bit of three files: as received, with an edit recipe over it, and of a transcoded one")
def test_a_flipped_bit_is_told_and_the_file_is_not_sent(tmp_path: Path, seen: Any) -> None:
    content = dataset("1.2.3")
    with storage_node() as pacs, delivery(tmp_path) as running:
        there = node(pacs.port)
        plain, edited, made = (
            running.image(there),
            running.recipe(there, Recipe(((0, 10),)), content),
            running.image(there),
        )
        good = running.image(there)
        files = Outgoing(running.spool)
        # In place of a file that scripts needed: what is only transcoded is made anew.
        by_scripts = replace(deliverable(made), prepared_file="by-scripts.dcm")
        kept = files.keep(by_scripts, "1.2.840.10008.1.2.1", iter([content]))
        QueueItem.objects.filter(id=made.id).update(prepared_file=kept.prepared_file)
        flip(running.spool.path(plain.id))
        flip(running.spool.path(edited.id), 200)
        flip(running.spool.root / "prepared" / kept.prepared_file)
        running.rest()
        assert states(plain, edited, made, good) == ["Failed", "Failed", "Failed", "Delivered"]
        assert pacs.instances == [good.sop_instance_uid]
        for item in (plain, edited, made):
            item.refresh_from_db()
            assert "its bytes are not those that were stored (CRC-32" in item.last_error
            assert ItemLogLine.objects.filter(item=item, text=item.last_error).exists()
        plain.prepared_at = plain.created_at
        with pytest.raises(NoSuchFile, match="CRC-32"):
            item_file(plain, running.spool, Form.SENT)
        # The file is put back from a backup: the same button as for everything else sends it.
        flip(running.spool.path(plain.id))
        QueueItem.objects.update(prepared_at=plain.created_at)
        record_for(QueueItem.objects.filter(id=plain.id), QueueEvent.SEND_AGAIN, actor="anna")
        running.rest()
        assert states(plain) == ["Delivered"]
    seen("3 of 3 changed files failed with both sums and were not sent; the fourth was delivered")


def deliverable(item: QueueItem) -> Deliverable:
    return Deliverable(**{name: getattr(item, name) for name in Deliverable.__dataclass_fields__})


@pytest.mark.integration
@pytest.mark.fault(85, "an input error while one file is read")
@pytest.mark.fault(90, "found when its turn comes")
def test_an_unreadable_and_a_missing_file_fail_alone(tmp_path: Path, monkeypatch: Any) -> None:
    really = Path.open
    with storage_node() as pacs, delivery(tmp_path) as running:
        there = node(pacs.port)
        bad, gone, good = (running.image(there) for _ in range(3))

        def read(path: Path, *mode: Any, **how: Any) -> Any:
            if path == running.spool.path(bad.id):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return really(path, *mode, **how)

        monkeypatch.setattr(Path, "open", read)
        running.spool.discard(gone.id)
        running.rest()
        assert states(bad, gone, good) == ["Failed", "Failed", "Delivered"]
        bad.refresh_from_db()
        gone.refresh_from_db()
        assert "Input/output error" in bad.last_error
        assert gone.last_error.startswith("file missing")
        assert pacs.instances == [good.sop_instance_uid]


@pytest.mark.parametrize("parts", [((100, 5000), b"\n", (0, 10)), ((0, 10), b"\n", (100, 5000))])
def test_a_recipe_of_which_any_part_lies_beyond_the_end_of_its_file_sends_nothing(tmp_path: Path, parts: Any) -> None:
    path = tmp_path / "short.dcm"
    path.write_bytes(bytes(1000))
    with pytest.raises(FileDamaged, match="file has 1000 bytes, its recipe reads up to 5000"):  # noqa: SIM117
        with Source(path, 0, Recipe(parts), EXPLICIT).open():
            pytest.fail("half of it would be sent")


def test_a_large_file_of_which_no_checksum_is_known_is_sent_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_WINDOW", 100)
    path = tmp_path / "large.dcm"
    path.write_bytes(bytes(range(250)))
    with Source(path, 10, None, EXPLICIT).open() as dataset:
        assert b"".join(map(bytes, dataset)) == bytes(range(10, 250))


def look_for_pixels(path: Path) -> None:
    Source(path, 132, None, EXPLICIT).has_pixels()


def send_prepared(path: Path) -> None:
    spool = Spool(path.parent / "spool", durable="none")
    (PreparedFiles(spool.root).folder / "made.dcm").symlink_to(path)
    item = Deliverable(1, 1, "CT", CT_IMAGE, "1.2.3", EXPLICIT, 132, path.stat().st_size, None, "made.dcm", 0)
    Outgoing(spool).source(item)


def adopt(path: Path) -> None:
    instance_in(path, 1, with_checksum=True)


@pytest.mark.integration
@pytest.mark.fault(85, "the disk gives nothing of a file: to be sent as it was prepared, looked through, adopted")
@pytest.mark.parametrize("use", [send_prepared, look_for_pixels, adopt])
def test_what_the_disk_does_not_give_is_an_error_and_no_end_of_the_process(
    tmp_path: Path, use: Callable[[Path], None]
) -> None:
    """A process that ends by SIGBUS is started again, and takes the same file first: nothing would ever leave."""
    with unreadable(tmp_path / "disk", encode_file_meta(CT_IMAGE, "1.2.3", EXPLICIT) + dataset("1.2.3")) as path:
        pid = os.fork()
        if not pid:
            try:
                use(path)
            except OSError as error:
                os._exit(error.errno or 0)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == errno.EIO


@pytest.mark.integration
@pytest.mark.fault(85, "the spool is unmounted while items wait for delivery, and mounted again")
def test_while_the_spool_is_gone_deliveries_are_put_off_and_not_failed(tmp_path: Path, seen: Any) -> None:
    with storage_node() as pacs, delivery(tmp_path) as running:
        running.spool.mark()
        there = node(pacs.port)
        items = [running.image(there) for _ in range(3)]
        made = Outgoing(running.spool).keep(deliverable(items[0]), EXPLICIT, iter([dataset("1.2.3")]))
        QueueItem.objects.filter(id=items[0].id).update(prepared_file=made.prepared_file)
        away = tmp_path / "away"
        running.spool.root.rename(away)
        running.spool.root.mkdir()
        running.rest()
        assert states(*items) == ["Prepared"] * 3
        assert all("is its file system mounted?" in item.last_error for item in QueueItem.objects.all())
        running.spool.root.rmdir()
        away.rename(running.spool.root)
        back_off_is_over(there)
        running.rest()
        assert states(*items) == ["Delivered"] * 3
    seen("3 of 3 items waited and said why; delivered when it was back")


@pytest.mark.integration
def test_for_what_this_machine_lacks_nothing_is_given_up_however_few_attempts_a_node_may_have(tmp_path: Path) -> None:
    with storage_node() as pacs, delivery(tmp_path) as running:
        running.spool.mark()
        there = node(pacs.port, retry_attempts=1)
        item = running.image(there)
        away = tmp_path / "away"
        running.spool.root.rename(away)
        running.spool.root.mkdir()
        for _ in range(3):
            running.rest()
            back_off_is_over(there)
        assert states(item) == ["Prepared"]
        running.spool.root.rmdir()
        away.rename(running.spool.root)
        running.rest()
    assert states(item) == ["Delivered"]


def test_a_file_without_a_known_sum_is_sent_as_it_is(tmp_path: Path) -> None:
    with delivery(tmp_path) as running:
        item = running.image(node(1))
        item.checksum = None
        flip(running.spool.path(item.id))
        assert Outgoing(running.spool).source(deliverable(item)).path == running.spool.path(item.id)


def test_two_files_open_at_once_do_not_share_memory(tmp_path: Path) -> None:
    with delivery(tmp_path) as running:
        there = node(1)
        files = Outgoing(running.spool)
        one, two = (
            files.source(deliverable(running.image(there, content)))
            for content in (b"\x08\0\x05\0 one", b"\x08\0\x05\0 two!")
        )
        for _ in range(2):
            with one.open() as first, two.open() as second:
                assert (bytes(first[0]), bytes(second[0])) == (b"\x08\0\x05\0 one", b"\x08\0\x05\0 two!")


def test_a_large_file_is_compared_before_it_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.engine.delivering.source._WINDOW", 100)
    with delivery(tmp_path) as running:
        item = running.image(node(1))
        source = Outgoing(running.spool).source(deliverable(item))
        with source.open() as slices:
            assert b"".join(map(bytes, slices)) == running.spool.path(item.id).read_bytes()[source.dataset_offset :]
        flip(running.spool.path(item.id))
        with pytest.raises(FileDamaged, match="CRC-32"), source.open():
            raise AssertionError("a damaged file was opened")

"""The power goes at random moments: what was not synced until then is gone from the disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import random
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from routing.database.database_file import damage
from routing.engine.directory import Directory
from routing.engine.housekeeping.adopt import adopt
from routing.models import QuarantinedInstance, QueueItem
from routing.spool import part as parts
from routing.spool.checksum import checksum_of
from routing.spool.seal import seal_of
from routing.spool.spool import Spool
from tests.acceptance.router import Router, kill, until
from tests.builders import received
from tests.faults.load import all_arrived, configure, node, samples, sending
from tests.faults.mounts import mount, unmount

pytestmark = pytest.mark.integration

POISON = "its preparation began 5 times and never ended"
PREPARE_AGAIN = """
from routing.core.states import QueueEvent
from routing.models import QueueItem
from routing.queue.record import record_for
record_for(QueueItem.objects.filter(state="Failed"), QueueEvent.PREPARE_AGAIN, actor="operator")
"""
IMAGES_A_CUT = 25


def make_disk(path: Path) -> None:
    """An ext4 file system in a file, with the journal that servers have."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed (Debian: apt-get install e2fsprogs)")
    with path.open("wb") as file:
        file.truncate(512 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True, capture_output=True)


def power_off(folder: Path) -> None:
    """
    From this moment on nothing more reaches the disk under an ext4: neither data nor journal, whoever waits for it.

    Stopping all processes and copying the disk is not the same: a signal takes effect when its process
    comes to run, others acknowledge meanwhile, and what is copied is of several moments.
    """
    shutdown, without_flushing = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, shutdown, struct.pack("I", without_flushing))
    except OSError as error:
        pytest.skip(f"this file system cannot be shut down: {error.strerror}")
    finally:
        os.close(descriptor)


def cut(router: Router, disk: Path) -> None:
    """The power goes, and comes back: what processes and the file system had only in memory is gone."""
    power_off(router.data)
    for pid in router.pids():
        kill(pid)
    router.reap()
    until(lambda: not router.pids(), 30, "all processes have ended")
    # Not --lazy: the same disk must not be mounted twice.  A process closes its files a little after it is seen to end.
    umount = ["umount", str(router.data)]
    until(lambda: not subprocess.run(umount, capture_output=True).returncode, 30, "nothing uses the disk")
    mount("-o", "loop", disk, router.data)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """An ext4 in a file, and where it is mounted; taken away at the end."""
    file, folder = tmp_path / "disk", tmp_path / "mounted"
    folder.mkdir()
    make_disk(file)
    mount("-o", "loop", file, folder)
    yield file, folder
    unmount(folder)


@pytest.mark.fault(80, "what was synced is there after a cut, what was not is gone, and nothing more can be synced")
def test_a_cut_keeps_what_was_synced_and_nothing_else(disk: tuple[Path, Path]) -> None:
    file, folder = disk
    (folder / "synced").write_bytes(b"kept")
    subprocess.run(["sync", "--file-system", str(folder)], check=True)
    (folder / "written").write_bytes(b"lost")
    power_off(folder)
    with pytest.raises(OSError, match="Input/output error"):
        (folder / "later").write_bytes(b"lost")
    subprocess.run(["umount", str(folder)], check=True)
    mount("-o", "loop", file, folder)
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["synced"]
    assert (folder / "synced").read_bytes() == b"kept"


@pytest.mark.fault(80, "a cut right behind the commit of a file, where one barrier is enough and where it takes two")
@pytest.mark.parametrize("one_barrier", [True, False])
def test_a_committed_file_has_its_name_and_its_bytes_after_a_cut(
    disk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, one_barrier: bool
) -> None:
    file, folder = disk
    if not one_barrier:
        monkeypatch.setattr(parts, "names_go_with_files", lambda folder: False)
    for size in (1, 100_000, 5_000_000):
        spool = Spool(folder / "spool")
        part = spool.begin(size)
        part.write([bytes(size)])
        part.commit()
        assert (seal_of(spool.path(size)) is not None) is one_barrier
        power_off(folder)
        del spool, part
        subprocess.run(["umount", str(folder)], check=True)
        mount("-o", "loop", file, folder)
        assert Spool(folder / "spool").path(size).read_bytes() == bytes(size)


@pytest.mark.fault(80, "a sync that the kernel calls a success although the file system goes in the middle of it")
def test_a_sync_that_claims_success_while_the_file_system_goes_is_not_believed(
    disk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = disk
    part = Spool(folder / "spool").begin(7)
    part.write([b"abc"])
    with monkeypatch.context() as patched, pytest.raises(OSError, match="Input/output error"):
        patched.setattr(os, "fsync", lambda descriptor: power_off(folder))
        part.commit()
    with contextlib.suppress(OSError):
        part.discard()


@pytest.mark.django_db
@pytest.mark.fault(80, "a cut behind the name of an image and before its bytes, and one behind both")
def test_what_has_its_name_and_not_its_bytes_is_told_from_what_is_whole(
    disk: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, folder = disk
    spool = Spool(folder / "spool")
    whole = received(spool)
    part = spool.begin(whole.id + 1)
    part.write([bytes(100_000)])

    def cut_instead_of_sync(descriptor: int) -> None:
        # Another file's sync commits the journal, with this one's name and seal, and without its bytes.
        with (folder / "other").open("wb") as other:
            really(other.fileno())
        power_off(folder)
        raise OSError(errno.EIO, "Input/output error")

    really = os.fsync
    monkeypatch.setattr(os, "fsync", cut_instead_of_sync)
    with pytest.raises(OSError, match="Input/output error"):
        part.commit()
    monkeypatch.undo()
    with contextlib.suppress(OSError):
        part.discard()
    # The descriptor of the folder goes with them, and with the traceback of the error.
    del spool, part
    gc.collect()
    subprocess.run(["umount", str(folder)], check=True)
    mount("-o", "loop", file, folder)
    spool = Spool(folder / "spool")
    assert list(spool.ids()) == [whole.id, whole.id + 1]
    assert adopt(spool, Directory("CAPACITOR", "DCP_", age=0), since=None) == 1
    row, refused = QueueItem.objects.get(), QuarantinedInstance.objects.get()
    assert (row.id, row.checksum) == (whole.id, checksum_of(spool.path(whole.id)))
    assert refused.id == whole.id + 1 and "of 100,000 bytes are here: the power went" in refused.reason
    assert list(spool.ids()) == [whole.id]


@pytest.mark.fault(
    80, "the disk of database and spool: its ext4 is shut down without a flush (EXT4_IOC_SHUTDOWN) and mounted again"
)
def test_after_each_power_cut_everything_acknowledged_is_there(
    make_router: Any, tmp_path: Path, effort: Callable[[int, int], int], seen: Callable[..., None]
) -> None:
    cuts = effort(2, 200)
    images = samples(tmp_path / "images", cuts * IMAGES_A_CUT)
    router = make_router()
    router.data.mkdir()
    disk = tmp_path / "disk"
    make_disk(disk)
    mount("-o", "loop", disk, router.data)
    chance, slowest = random.Random(80), 0.0
    try:
        with node() as receiver:
            configure(router, receiver)
            subprocess.run(["sync", "--file-system", str(router.data)], check=True)
            router.start()
            with sending(router, images) as modality:
                for turn in range(cuts):
                    modality.wait_for(turn * IMAGES_A_CUT + chance.randrange(5, IMAGES_A_CUT))
                    cut(router, disk)
                    assert not damage(router.data / "capacitor.sqlite3", whole=True), f"cut {turn + 1}"
                    began = time.monotonic()
                    router.start()
                    slowest = max(slowest, time.monotonic() - began)
            acknowledged = set(modality.acknowledged)
            until(lambda: not router.waiting(), 300, "nothing waits")
            # Whoever is in hand at five cuts looks like poison, and nobody can know better: it stands as failed, whole.
            suspects = router.rows("SELECT id FROM routing_queueitem WHERE state = 'Failed' AND last_error = ?", POISON)
            if suspects:
                router.manage("shell", "-c", PREPARE_AGAIN)
            with contextlib.suppress(AssertionError):
                until(lambda: receiver.uids() >= acknowledged, 300)
            lost = acknowledged - receiver.uids()
            seen(f"{cuts} cuts", kills=cuts, acknowledged=len(acknowledged), lost=len(lost))
            assert not lost
            twice = all_arrived(router, receiver, modality.acknowledged)
            assert router.stop() == 0
    finally:
        # Before its disk is taken away, also after a failure: it would tell of files that are missing.
        router.end()
        unmount(router.data)
    seen(
        f"0 of {len(images)} acknowledged images lost, {len(suspects)} taken for poison, shown as failed and sent by a "
        f"retry, {twice} arrived twice, the database was whole; listening {slowest:.1f} s after a start at worst",
        twice=twice,
    )

"""The power goes at random moments: what was not synced until then is gone from the disk."""

from __future__ import annotations

import contextlib
import fcntl
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

from routing.database_file import damage
from tests.acceptance.router import Router, kill, until
from tests.faults.load import all_arrived, configure, node, samples, sending
from tests.faults.mounts import mount, unmount

pytestmark = pytest.mark.integration

POISON = "its preparation began 5 times and never ended"
PREPARE_AGAIN = """
from routing.core.states import QueueEvent
from routing.models import QueueItem
from routing.record import record_for
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

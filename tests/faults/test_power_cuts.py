"""The power goes at random moments: what the disk holds then is a copy of its block device, unsynced pages are gone."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from routing.database_file import damage
from tests.acceptance.router import Router, kill, until
from tests.faults.load import all_arrived, configure, node, samples, sending
from tests.faults.mounts import mount, unmount

pytestmark = pytest.mark.integration

IMAGES_A_CUT = 25


def make_disk(path: Path) -> None:
    """An ext4 file system in a file, with the journal that servers have."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed (Debian: apt-get install e2fsprogs)")
    with path.open("wb") as file:
        file.truncate(512 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True, capture_output=True)


def cut(router: Router, disk: Path, copy: Path) -> None:
    """Everything stands still, the disk is copied as it is, and nothing else of that moment remains."""
    pids = router.pids()
    for pid in pids:
        kill(pid, signal.SIGSTOP)
    # What processes and the file system had only in memory is not in the file behind the device.
    subprocess.run(["cp", "--sparse=always", str(disk), str(copy)], check=True)
    for pid in router.pids():
        kill(pid)
    router.reap()
    until(lambda: not router.pids(), 30, "all processes have ended")
    unmount(router.data)


@pytest.mark.fault(80, "the disk of database and spool, by a copy of the device under a running ext4")
def test_after_each_power_cut_everything_acknowledged_is_there(
    make_router: Any, tmp_path: Path, effort: Callable[[int, int], int], seen: Callable[[str], None]
) -> None:
    cuts = effort(2, 200)
    images = samples(tmp_path / "images", cuts * IMAGES_A_CUT)
    router = make_router()
    router.data.mkdir()
    disk = tmp_path / "disk0"
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
                    copy = tmp_path / f"disk{turn + 1}"
                    cut(router, disk, copy)
                    disk.unlink()
                    disk = copy
                    mount("-o", "loop", disk, router.data)
                    assert not damage(router.data / "capacitor.sqlite3", whole=True), f"cut {turn + 1}"
                    began = time.monotonic()
                    router.start()
                    slowest = max(slowest, time.monotonic() - began)
            # A failed image would be none that was lost, but nothing here was wrong with any.
            twice = all_arrived(router, receiver, modality.acknowledged)
            assert router.stop() == 0
    finally:
        unmount(router.data)
    seen(
        f"{cuts} cuts: 0 of {len(images)} acknowledged images lost, 0 failed, {twice} arrived twice, "
        f"the database was whole; listening {slowest:.1f} s after a start at worst"
    )

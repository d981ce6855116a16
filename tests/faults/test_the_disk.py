"""Disks that are full, without inodes, read-only or gone: images are refused with 0xA700, and all goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.peers import send
from tests.acceptance.router import Router, storage_node, until
from tests.faults.load import all_arrived, configure, node, samples, sending
from tests.faults.mounts import fill, memory, mount, unmount
from tests.files_below import files_below

pytestmark = pytest.mark.integration

Seen = Callable[[str], None]
NO_ROOM = 0xA700


def take(router: Router, images: list[Any]) -> list[int | None]:
    return list(send(images, router.dicom_port, "PACS").values())


def paused(router: Router, paused: bool) -> None:
    said = f"from routing.models import Node; Node.objects.update(paused={paused})"
    router.manage("shell", "-c", said)


@pytest.mark.fault(83, "a data folder of 96 MiB of which 32 MiB have to stay free")
def test_below_the_mark_images_are_refused_while_deliveries_go_on_and_make_room(
    make_router: Any, tmp_path: Path, seen: Seen
) -> None:
    router = make_router(CAPACITOR_MIN_FREE_MIB="32")
    images = samples(tmp_path / "images", 40)
    with memory(router.data, "size=96m"), node() as receiver:
        configure(router, receiver)
        paused(router, True)
        router.start()
        assert take(router, images[:20]) == [0] * 20
        filler = router.data / "filler"
        fill(filler, leave=31 << 20)
        until(lambda: take(router, images[20:21]) == [NO_ROOM], 30, "an image is refused")
        assert not files_below(router.data / "spool", ".part")
        paused(router, False)
        until(lambda: len(receiver.received) >= 20, 60, "deliveries go on")
        # Files of delivered items go at once while room is scarce (they were kept for a day otherwise).
        until(lambda: not files_below(router.data / "spool", ".dcm"), 60, "their files have made room")
        filler.unlink()
        with sending(router, images[20:]) as modality:
            pass
        all_arrived(router, receiver, modality.acknowledged)
        assert router.stop() == 0
    seen("0xA700 below the mark, no .part left; 20 of 20 delivered meanwhile; 20 more accepted when there was room")


@pytest.mark.fault(84, "to the last byte, for database and spool, with items waiting")
def test_a_disk_filled_to_the_last_byte_by_another_program_stops_nothing_for_good(
    make_router: Any, tmp_path: Path, seen: Seen
) -> None:
    router = make_router(CAPACITOR_MIN_FREE_MIB="4")
    images = samples(tmp_path / "images", 40)
    with memory(router.data, "size=64m"), node() as receiver:
        configure(router, receiver)
        paused(router, True)
        router.start()
        assert take(router, images[:20]) == [0] * 20
        until(lambda: router.states() == {"Prepared": 20}, 60, "all are prepared")
        paused(router, False)
        filler = router.data / "filler"
        fill(filler)
        until(lambda: take(router, images[20:21]) == [NO_ROOM], 30, "an image is refused")
        pids = set(router.pids())
        until(lambda: "the database cannot be used" in said(router) or len(receiver.received) == 20, 60, "it is met")
        filler.unlink()
        with sending(router, images[20:]) as modality:
            pass
        twice = all_arrived(router, receiver, [image.sop_instance_uid for image in images])
        assert len(modality.acknowledged) == 20
        survivors = pids & set(router.pids())
        assert router.stop() == 0
    seen(f"0xA700, then 40 of 40 delivered, {twice} of them twice; {len(survivors)} of {len(pids)} processes lived on")


@pytest.mark.fault(84, "a start after it, on a database that SQLite cannot open for want of room")
def test_a_start_on_a_full_disk_says_that_it_is_full_and_not_that_the_database_is_damaged(
    make_router: Any, tmp_path: Path
) -> None:
    router = make_router()
    with memory(router.data, "size=8m"):
        router.configure(nodes=storage_node("PACS", 104))
        database = (router.data / "capacitor.sqlite3").read_bytes()
        filler = router.data / "filler"
        fill(filler)
        for command in ("preflight", "recover"):
            refused = router.manage(command, check=False)
            assert refused.returncode and "is full, and SQLite needs some room there" in refused.stderr, refused.stderr
            assert "damaged:" not in refused.stderr.replace("Nothing is damaged:", "")
            assert "Traceback" not in refused.stderr
        assert (router.data / "capacitor.sqlite3").read_bytes() == database
        filler.unlink()
        assert not router.manage("preflight", check=False).returncode


def said(router: Router) -> str:
    return "".join(path.read_text(errors="replace") for path in (router.data / "logs").glob("*.log"))


@pytest.mark.fault(85, "no inodes")
def test_without_inodes_images_are_refused_until_there_are_some(make_router: Any, tmp_path: Path, seen: Seen) -> None:
    router = make_router()
    images = samples(tmp_path / "images", 4)
    spool = router.data / "spool"
    spool.mkdir(parents=True)
    with memory(spool, "size=64m,nr_inodes=1400"), node() as receiver:
        configure(router, receiver)
        router.start()
        assert take(router, images[:2]) == [0, 0]
        others = spool / "others"
        others.mkdir()
        for number in range(500):
            (others / str(number)).touch()
        until(lambda: take(router, images[2:3]) == [NO_ROOM], 30, "an image is refused")
        for path in others.iterdir():
            path.unlink()
        with sending(router, images[2:]) as modality:
            pass
        all_arrived(router, receiver, [image.sop_instance_uid for image in images])
        assert len(modality.acknowledged) == 2
        assert router.stop() == 0
    seen("0xA700 with fewer than 1,000 inodes left; accepted again without a restart, 4 of 4 delivered")


@pytest.mark.fault(85, "the spool becomes read-only; the spool is unmounted")
@pytest.mark.parametrize("what", ["read-only", "unmounted"])
def test_a_spool_that_cannot_be_written_or_is_gone_comes_back_without_a_restart(
    make_router: Any, tmp_path: Path, seen: Seen, what: str
) -> None:
    router = make_router()
    images = samples(tmp_path / "images", 12)
    real, spool = tmp_path / "disk", router.data / "spool"
    spool.mkdir(parents=True)
    with memory(real, "size=64m"), node() as receiver:
        mount("--bind", real, spool)
        try:
            configure(router, receiver)
            paused(router, True)
            router.start()
            assert take(router, images[:6]) == [0] * 6
            until(lambda: router.states() == {"Prepared": 6}, 60, "all are prepared")
            if what == "read-only":
                mount("-o", "remount,bind,ro", spool)
            else:
                unmount(spool)
            until(lambda: take(router, images[6:7]) == [NO_ROOM], 30, "an image is refused")
            paused(router, False)
            if what == "read-only":
                until(lambda: len(receiver.received) == 6, 60, "deliveries need no writing")
                mount("-o", "remount,bind,rw", spool)
            else:
                errors = "SELECT count(*) FROM routing_queueitem WHERE last_error LIKE '%file system mounted%'"
                until(lambda: router.rows(errors) > [(0,)], 60, "the reason is told")
                assert set(router.states()) <= {"New", "Prepared"}
                assert not files_below(spool, ".dcm"), "nothing is written where it is hidden later"
                mount("--bind", real, spool)
            with sending(router, images[6:]) as modality:
                pass
            all_arrived(router, receiver, [image.sop_instance_uid for image in images])
            assert len(modality.acknowledged) == 6
            assert router.stop() == 0
        finally:
            unmount(spool)
    seen(f"{what}: 0xA700, no item failed; 12 of 12 delivered afterwards, without a restart")

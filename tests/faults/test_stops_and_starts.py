"""A stop under load, a start with a long queue, several of each process, and a migration there and back."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from routing.core.identifiers import Identifiers
from routing.spool.spool import Spool
from tests.acceptance.router import Router, kill, until
from tests.builders import ct_image, received
from tests.faults.load import all_arrived, configure, node, samples, sending
from tests.files_below import files_below
from tests.fresh_database import put_fresh_database

pytestmark = pytest.mark.integration

Effort = Callable[[int, int], int]
Seen = Callable[[str], None]


@pytest.mark.fault(81, "while a modality sends without a pause; then a new start")
def test_a_stop_under_load_ends_in_good_order_and_loses_nothing(
    make_router: Any, tmp_path: Path, effort: Effort, seen: Seen
) -> None:
    images, stops = samples(tmp_path / "images", effort(150, 2000)), effort(2, 20)
    router = make_router()
    with node() as receiver:
        configure(router, receiver)
        router.start()
        with sending(router, images) as modality:
            for turn in range(stops):
                modality.wait_for((turn + 1) * len(images) // (stops + 1))
                assert router.stop() == 0
                parts = files_below(router.data / "spool", ".part")
                assert not parts, "what was not acknowledged leaves nothing"
                assert not router.rows("SELECT id FROM routing_queueitem WHERE lease_owner <> ''")
                router.start()
        twice = all_arrived(router, receiver, modality.acknowledged)
    seen(f"{stops} stops, each with exit code 0: {len(images)} acknowledged, 0 lost, {twice} arrived twice")


@pytest.mark.fault(82, "each with a file of its own")
def test_a_start_with_a_long_queue_receives_at_once_and_delivers_in_order(
    make_router: Any, tmp_path: Path, effort: Effort, seen: Seen
) -> None:
    # Of a queue that takes a quarter of an hour, the first part shows that it goes on, and in which order.
    count, enough = effort(1500, 100_000), effort(1505, 20_000)
    router: Router = make_router()
    with node() as receiver:
        configure(router, receiver, "MaxAssociations: 1")
        spool, new_id = Spool(router.data / "spool", "none"), Identifiers(tag=5)
        for number in range(1, count + 1):
            uid = f"1.2.3.4.{number}"
            received(spool, ct_image(SOPInstanceUID=uid), identifier=new_id(), sop_instance_uid=uid)
        adopt = "from routing.queue.spool import open_spool; from routing.engine.directory import Directory;"
        adopt += "from routing.engine.housekeeping.adopt import adopt;"
        adopt += "print(adopt(open_spool(), Directory('A', ''), since=None))"
        router.manage("shell", "-c", adopt)
        assert router.states() == {"New": count}
        began = time.monotonic()
        router.start()
        listening = time.monotonic() - began
        waiting = router.waiting()
        with sending(router, samples(tmp_path / "images", 5)):
            pass
        when = "acknowledged meanwhile" if router.waiting() > 5 else "acknowledged"
        until(lambda: len(receiver.received) >= enough, 3600, "the queue goes on")
        assert router.stop() == 0
        order = [int(uid.rsplit(".", 1)[1]) for uid, _ in receiver.received if uid.startswith("1.2.3.4.")]
        assert order == list(range(1, len(order) + 1))
        states = router.states()
        assert set(states) <= {"New", "Prepared", "Delivered"} and sum(states.values()) == count + 5
        assert states["Delivered"] == len(receiver.received)
    seen(
        f"listening after {listening:.1f} s while {waiting} of {count} items wait; new images {when}; "
        f"the first {len(order)} delivered in their order, nothing missing or twice at the stop after them"
    )


@pytest.mark.fault(96, "listeners share the port; two workers prepare and deliver")
def test_two_of_each_process_do_each_image_once(make_router: Any, tmp_path: Path, effort: Effort, seen: Seen) -> None:
    images = samples(tmp_path / "images", effort(150, 3000))
    router = make_router(CAPACITOR_LISTENERS="2", CAPACITOR_WORKERS="2")
    with node() as receiver:
        configure(router, receiver)
        router.start()
        half = len(images) // 2
        with sending(router, images[:half]) as first, sending(router, images[half:]) as second:
            pass
        twice = all_arrived(router, receiver, first.acknowledged + second.acknowledged)
        assert twice == 0
        attempts = dict(router.rows("SELECT attempt_count, count(*) FROM routing_queueitem GROUP BY 1"))
        assert attempts == {1: len(images)}
        prepared = "SELECT count(*), count(DISTINCT item_id) FROM routing_historyentry WHERE event = 'prepared'"
        assert router.rows(prepared) == [(len(images), len(images))]
        workers = router.rows("SELECT count(*) FROM routing_serviceprocess WHERE role = 'deliver'")
        assert workers == [(2,)]
    seen(f"{len(images)} images: each prepared once, sent once, arrived once")


@pytest.mark.fault(95, "back to the migrations of before and up again, in SQLite")
def test_migrations_back_and_up_again_keep_every_item(
    make_router: Any, tmp_path: Path, effort: Effort, seen: Seen
) -> None:
    count = effort(300, 10_000)
    router: Router = make_router()
    put_fresh_database(router.data)
    spool, new_id = Spool(router.data / "spool", "none"), Identifiers(tag=5)
    for number in range(count):
        received(spool, identifier=new_id(), sop_instance_uid=f"1.2.3.4.{number}")
    adopt = "from routing.queue.spool import open_spool; from routing.engine.directory import Directory;"
    adopt += "from routing.engine.housekeeping.adopt import adopt; from routing.models import Node;"
    adopt += "Node.objects.create(ae_title='PACS');"
    router.manage("shell", "-c", adopt + "adopt(open_spool(), Directory('A', ''), since=None)")
    columns = [row[1] for row in router.rows("PRAGMA table_info(routing_queueitem)")]
    kept = "SELECT id, received_id, state, destination_ae_title, sop_instance_uid, size, dataset_offset, not_before"
    before = router.rows(f"{kept} FROM routing_queueitem ORDER BY id")
    assert len(before) == count
    router.manage("migrate", "routing", "0002", "--noinput")
    assert router.rows(f"{kept} FROM routing_queueitem ORDER BY id") == before
    router.manage("migrate", "--noinput")
    assert router.rows(f"{kept} FROM routing_queueitem ORDER BY id") == before
    assert sorted(row[1] for row in router.rows("PRAGMA table_info(routing_queueitem)")) == sorted(columns)
    assert router.rows("PRAGMA integrity_check") == [("ok",)]
    seen(f"{count} items, the same values before, after the way back, and after the way up")


@pytest.mark.fault(86, "by another program, in the middle of the load")
def test_while_the_database_is_locked_images_are_taken_and_afterwards_all_go_on(
    make_router: Any, tmp_path: Path, effort: Effort, seen: Seen
) -> None:
    spans = (10, 60, 600)[: effort(1, 3)]
    images = samples(tmp_path / "images", 60 * len(spans))
    router: Router = make_router()
    with node() as receiver:
        configure(router, receiver)
        router.start()
        with sending(router, images) as modality:
            modality.wait_for(20)
            processes = router.pids()
            for turn, seconds in enumerate(spans):
                modality.wait_for(60 * turn + 20)
                lock = sqlite3.connect(router.data / "capacitor.sqlite3", isolation_level=None, timeout=60)
                lock.execute("BEGIN EXCLUSIVE")
                modality.wait_for(60 * turn + 60)
                # How long it lasts is what is tried here.
                threading.Event().wait(seconds)
                lock.execute("ROLLBACK")
                lock.close()
        twice = all_arrived(router, receiver, modality.acknowledged)
        assert set(processes) <= set(router.pids()), "a process has ended"
        assert router.stop() == 0
    seen(
        f"locked for {', '.join(map(str, spans))} s: {40 * len(spans)} images acknowledged meanwhile, 0 lost, "
        f"{twice} arrived twice; {len(processes)} of {len(processes)} processes lived on"
    )


@pytest.mark.fault(
    94, "a delivering process of two is stopped (SIGSTOP) with images in hand, and goes on minutes later"
)
def test_what_a_stopped_worker_holds_is_done_by_another_and_it_settles_nothing_later(
    make_router: Any, tmp_path: Path, effort: Effort, seen: Seen
) -> None:
    if not effort(0, 1):
        pytest.skip("takes minutes: in the full run")
    images = samples(tmp_path / "images", 400)
    router: Router = make_router(CAPACITOR_WORKERS="2", CAPACITOR_LUA_SECONDS="1")
    with node() as receiver:
        configure(router, receiver)
        router.start()
        holders = "SELECT DISTINCT lease_owner FROM routing_queueitem WHERE state = 'Prepared' AND lease_owner <> ''"
        with sending(router, images) as modality:
            modality.wait_for(100)
            (owner,) = until(lambda: router.rows(holders), 60, "somebody holds images")[0]
            pid = int(owner.split(":")[1])
            kill(pid, signal.SIGSTOP)
        twice = all_arrived(router, receiver, modality.acknowledged)
        settled = router.rows("SELECT id, state, updated_at FROM routing_queueitem ORDER BY id")
        kill(pid, signal.SIGCONT)
        seen_at = "SELECT count(*) FROM routing_serviceprocess WHERE owner = ? AND seen_at > ?"
        now = router.rows("SELECT max(seen_at) FROM routing_serviceprocess")[0][0]
        until(lambda: router.rows(seen_at, owner, now) == [(1,)], 60, "it lives again")
        assert router.rows("SELECT id, state, updated_at FROM routing_queueitem ORDER BY id") == settled
        assert router.stop() == 0
    seen(f"400 acknowledged, 0 lost, {twice} arrived twice; the one that came back changed nothing")

"""Each write of the whole way of an image fails once, or is the last thing its process does: nothing is lost."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from routing.core.identifiers import Identifiers
from routing.core.instance import ReceivedInstance
from routing.dicom.associate import AssociationRequest
from routing.dicom.command import Command
from routing.dicom.incoming import IncomingStore, StorePorts
from routing.engine.delivering.deliver import Deliverer
from routing.engine.directory import Directory
from routing.engine.housekeeping.adopt import adopt
from routing.engine.housekeeping.retention import purge_files, sweep
from routing.engine.nodes.target import DeliverySettings
from routing.engine.preparing.prepare import Preparer
from routing.engine.preparing.settings import PrepareSettings
from routing.engine.receiving.row_pipe import Inbox, line_of
from routing.engine.receiving.row_writer import RowWriter
from routing.engine.reconcile import fail_missing
from routing.engine.settling import settle_departed
from routing.engine.watching.watch import Watch
from routing.folders import run_folder
from routing.models import Attempt, HistoryEntry, NodeStatus, QueueItem
from routing.processes.presence import Presence
from routing.queue.spool import open_spool
from routing.spool.prepared import PreparedFiles
from scripts_app.core.lua.limits import Limits
from tests.builders import CT_IMAGE, EXPLICIT, ct_image, lua_entry
from tests.faults.nth import SURVIVED, Killed, Mode, Nth, nth_fails
from tests.routing.engine.delivering.delivery import RunningNode, node, storage_node

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

DEFLATED = "1.2.840.10008.1.2.1.99"
SCRIPT = "dataset:Set('StationName', 'ROUTED') route:Add('AI') study.n = (study.n or 0) + 1"
MOST_TRIES = 20


class Process:
    """A listener and a worker in one, from start to death."""

    def __init__(self) -> None:
        self.spool = open_spool()
        self.directory = Directory("CAPACITOR", "DCP_", age=0)
        self.presence = Presence(run_folder())
        self.new_id = Identifiers(tag=3)
        self.reader, self.pipe = os.pipe()
        self.rows = RowWriter(
            Inbox(self.reader),
            self.spool,
            self.directory,
            process_delay=timedelta(0),
            received=lambda _: None,
            prepared=lambda _: None,
        )
        self.preparer = Preparer(
            self.presence.owner,
            self.spool,
            self.directory,
            PrepareSettings("CAPACITOR", 64, Limits(), timedelta(seconds=5), 5, timedelta(0)),
            watch=Watch(),
            new_id=self.new_id,
            prepared=lambda: None,
        )
        quick = DeliverySettings(connect_timeout=5, acse_timeout=5, idle_association=0.05, node_list_age=0)
        self.deliverer = Deliverer(self.presence.owner, self.spool, quick, self.presence.journal, self.presence.forget)

    def receive(self, uid: str, syntax: str, content: bytes) -> bool:
        """One C-STORE and the row behind it, by the pipe; whether it was acknowledged before anything went wrong."""
        taken: list[ReceivedInstance] = []
        ports = StorePorts(self.spool, self.new_id, taken.append, lambda: True)
        asked = AssociationRequest("CT_1", "PACS", "192.0.2.1", (), 0, "", 1, b"")
        told = Command(1, 1, CT_IMAGE, uid, True, None, "")
        store = IncomingStore(ports, asked, "a1", "", told, CT_IMAGE, syntax)
        store.begin()
        store.add(memoryview(content))
        status, _ = store.finish()
        if status == 0x0000:
            os.write(self.pipe, b"".join(map(line_of, taken)))
            assert self.rows._write(self.rows._gather())
        return status == 0x0000

    def work(self) -> None:
        again(self.prepare)
        again(self.deliver)
        again(self.clean)

    def prepare(self) -> None:
        while self.preparer.step():
            pass

    def deliver(self) -> None:
        while self.deliverer.step() or self.deliverer.busy:
            self.deliverer.idle(0.05)

    def clean(self) -> None:
        files = PreparedFiles(self.spool.root)
        purge_files(self.spool, files, timedelta(0))
        sweep(self.spool, files)

    def die(self) -> None:
        """As by kill -9: locks and threads go, nothing else happens."""
        for couriers in self.deliverer._couriers.values():
            couriers.stop()
        for couriers in self.deliverer._couriers.values():
            couriers.join(time.monotonic() + 30)
        for fd in (self.deliverer._told, self.deliverer._tell, self.presence._fd, self.reader, self.pipe):
            os.close(fd)
        self.presence._fd = -1


def again(step: Callable[[], Any]) -> None:
    """As the loops of the processes do: a database or disk that fails once costs a turn."""
    for _ in range(MOST_TRIES):
        try:
            step()
        except SURVIVED:
            continue
        return


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(content) + packer.flush()
    return packed + b"\0" * (len(packed) % 2)


IMAGES = {
    "1.2.3.4.1": (EXPLICIT, ct_image(SOPInstanceUID="1.2.3.4.1")),
    "1.2.3.4.2": (DEFLATED, deflated(ct_image(SOPInstanceUID="1.2.3.4.2"))),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    changed = dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path)
    monkeypatch.setattr(settings, "CAPACITOR", changed)
    return tmp_path


def run(n: int, mode: Mode, pacs: RunningNode) -> Nth:
    """The way of two images with one fault, then a new start; asserts that what was acknowledged has arrived."""
    QueueItem.objects.all().delete()
    NodeStatus.objects.all().delete()
    pacs.arrived.clear()
    process = Process()
    acknowledged = set()
    with nth_fails(n, mode) as counter, contextlib.suppress(Killed):
        for uid, (syntax, content) in IMAGES.items():
            if process.receive(uid, syntax, content):
                acknowledged.add(uid)
        process.work()
    process.die()

    settle_departed()
    fresh = Process()
    adopt(fresh.spool, fresh.directory, since=None)
    assert fail_missing(fresh.spool) == 0
    QueueItem.objects.update(not_before=QueueItem.objects.order_by().values("created_at")[:1])
    NodeStatus.objects.update(not_before=None)
    fresh.work()
    fresh.deliverer.stop(10)
    fresh.presence.end()
    os.close(fresh.pipe)
    os.close(fresh.reader)

    said = f"{mode.value}: number {n}, {counter.what}"
    left = list(QueueItem.objects.exclude(state="Delivered").values_list("state", "last_error"))
    assert not left, said
    arrived = Counter(arrival.sop_instance_uid for arrival in pacs.arrived)
    for uid in acknowledged:
        assert arrived[uid] >= 2, f"{uid} did not arrive at both nodes: {said}"
    for arrival in pacs.arrived:
        plain = arrival.dataset if arrival.transfer_syntax_uid == EXPLICIT else zlib.decompress(arrival.dataset, -15)
        assert b"ROUTED" in plain and bytes(range(64)) in plain, said
    if not counter.fired:
        assert acknowledged == set(IMAGES)
        assert sum(arrived.values()) == 4
        assert Attempt.objects.count() == 4
        assert not HistoryEntry.objects.filter(event="deferred").exists()
    return counter


@pytest.mark.fault(
    79, "the two images of an explicit and a deflated transfer syntax, edited, copied and sent to two nodes"
)
@pytest.mark.parametrize("mode", Mode)
def test_nothing_is_lost_whichever_write_fails(
    mode: Mode, here: Path, effort: Callable[[int, int], int], seen: Callable[[str], None]
) -> None:
    with storage_node(contexts=((CT_IMAGE, EXPLICIT), (CT_IMAGE, DEFLATED))) as pacs:
        for title in ("PACS", "AI"):
            node(pacs.port, title, retry_initial=0, retry_limit=0)
        lua_entry(SCRIPT)
        tried: Counter[str] = Counter()
        # Neighbouring operations are of one kind: in the short form every seventh, another seventh for each mode.
        n, stride = 1 + list(Mode).index(mode) * 2, effort(7, 1)
        while (counter := run(n, mode, pacs)).fired:
            tried[counter.what] += 1
            n += stride
    assert sum(tried.values()) > (15 if mode is Mode.UNHEARD else 60) // stride
    seen(f"{sum(tried.values())} operations in turn, each {mode.value}: 0 acknowledged images lost")

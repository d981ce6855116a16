"""kill -9 of listener, workers and supervisor at random moments: what was acknowledged arrives, unaltered."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
from collections import Counter
from io import BytesIO

import pydicom
import pytest
from pydicom.filereader import read_dataset

from routing.core.instance import OutgoingInstance
from routing.dicom.association_failures import AssociationFailed
from routing.dicom.requestor import NodeAddress
from routing.dicom.storage_scu import StorageAssociation
from tests.acceptance.peers import Receiver, Sample, sample
from tests.acceptance.router import Router, accepts, kill, storage_node, until
from tests.images import image, write

pytestmark = pytest.mark.integration

IMAGES, ROUNDS = 500, 20
"""In the short form; the full one has ten times as many of each."""
SCRIPTS = """
- Description: Counts and stamps
  Script: |
    study.n = (study.n or 0) + 1
    dataset:Set('StationName', 'ROUTED')
"""
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


class Modality(threading.Thread):
    """Sends each image until it is acknowledged, over a new association whenever one breaks, as modalities do."""

    def __init__(self, samples: list[Sample], port: int) -> None:
        super().__init__(name="modality")
        self._waiting = list(samples)
        self._address = NodeAddress("127.0.0.1", port, "PACS", "SCANNER", connect_timeout=5, response_timeout=30)
        self._progress = threading.Condition()
        self.acknowledged: list[str] = []
        self.sent = 0

    def run(self) -> None:
        while self._waiting:
            try:
                association = StorageAssociation.open(self._address, [(CT, (EXPLICIT,))])
            except AssociationFailed:
                threading.Event().wait(0.1)
                continue
            while self._waiting and not association.broken:
                self._send_one(association)
            association.release()

    def _send_one(self, association: StorageAssociation) -> None:
        one = self._waiting[0]
        self.sent += 1
        result = association.send(OutgoingInstance(0, CT, one.sop_instance_uid, EXPLICIT, lambda: _bytes(one.dataset)))
        if result.status == 0x0000:
            with self._progress:
                self.acknowledged.append(self._waiting.pop(0).sop_instance_uid)
                self._progress.notify_all()

    def wait_for(self, count: int) -> None:
        """Until so many are acknowledged."""
        with self._progress:
            assert self._progress.wait_for(lambda: len(self.acknowledged) >= count, 60), "the modality is stuck"


class _bytes:
    """One data set as the SCU takes it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __enter__(self) -> list[memoryview]:
        return [memoryview(self._content)]

    def __exit__(self, *_: object) -> None:
        return


def victim(router: Router, chance: random.Random, what: str) -> None:
    """Kill one process of a kind, chosen at random; the supervisor is started again, as a service manager does."""
    if what == "supervisor":
        for pid in router.pids(containing="manage.py up"):
            kill(pid)
        router.reap()
        until(lambda: not accepts(router.dicom_port) or router.pids(containing="manage.py up"), 30)
        router.start()
        return
    # A worker's watchdog and its children have the same command line: any of them.
    pids = router.pids(containing=what)
    if pids:
        kill(chance.choice(pids), signal.SIGKILL)


@pytest.mark.fault(77, "a random moment while a modality sends; every fourth kill")
@pytest.mark.fault(78, "workers with their watchdogs, the supervisor, the site: three of four kills")
def test_every_acknowledged_image_arrives_unaltered_whatever_is_killed(make_router, tmp_path, effort, seen):
    count, rounds = effort(IMAGES, 10 * IMAGES), effort(ROUNDS, 10 * ROUNDS)
    samples = []
    for number in range(1, count + 1):
        one = sample(write(image("CT", number, StudyInstanceUID=f"1.2.3.{number % 7}"), tmp_path / f"i{number}.dcm"))
        assert one is not None
        samples.append(one)
    receiver = Receiver([(CT, EXPLICIT)])
    router = make_router()
    router.configure(nodes=storage_node("PACS", receiver.port, "RetryInitial: 1", "RetryLimit: 2"), lua=SCRIPTS)
    router.start()
    modality = Modality(samples, router.dicom_port)
    modality.start()
    chance = random.Random(20261120)
    kinds = ["manage.py dicom_listener", "manage.py queue_worker", "supervisor", "daphne"]
    try:
        for turn in range(rounds):
            modality.wait_for(turn * count // rounds + chance.randrange(count // rounds))
            victim(router, chance, kinds[turn % len(kinds)])
        modality.join(600)
        assert not modality.is_alive(), "the modality never got through"
        acknowledged = set(modality.acknowledged)
        assert len(acknowledged) == count
        with contextlib.suppress(AssertionError):
            until(lambda: receiver.uids() >= acknowledged, 120, "everything acknowledged arrives")
        lost = acknowledged - receiver.uids()
        seen(f"{rounds} kills", kills=rounds, acknowledged=len(acknowledged), lost=len(lost))
        assert not lost
        until(lambda: not router.waiting(), 60, "nothing waits")
        assert router.stop() == 0
    finally:
        receiver.stop()

    failed = {s: n for s, n in router.states().items() if s != "Delivered"}
    assert not failed, router.rows("SELECT state, last_error FROM routing_queueitem WHERE state <> 'Delivered'")
    originals = {one.sop_instance_uid: pydicom.dcmread(one.path) for one in samples}
    twice = 0
    for (uid, _), copies in receiver.received.items():
        assert len(set(copies)) == 1, "two sendings of one image differ"
        twice += len(copies) - 1
        arrived = decoded(copies[0])
        changed = {e.tag for e in arrived if e.tag not in originals[uid] or e != originals[uid][e.tag]}
        assert changed == {pydicom.tag.Tag("StationName")}
        assert len(arrived) == len(originals[uid]) + 1
    # Twice received: the modality did not hear the answer and sent again.  Twice sent: neither did the router.
    again = Counter(uid for (uid,) in router.rows("SELECT sop_instance_uid FROM routing_queueitem"))
    received_twice = sum(count - 1 for count in again.values())
    seen(
        f"0 of {len(acknowledged)} acknowledged images lost, none stuck;"
        f" {received_twice} received twice by the router, {twice} arrived twice at the node",
        twice=twice,
    )
    # Each kill can catch the SCU between a node's answer and the note of it, and the SCP before its own answer.
    assert twice - received_twice <= rounds
    counted = router.rows("SELECT sum(json_extract(\"values\", '$.n')) FROM routing_scopedstate WHERE scope = 'study'")
    assert counted == [(sum(again.values()),)], "each preparation counts exactly once, whatever was killed"


def decoded(content: bytes) -> pydicom.Dataset:
    return read_dataset(BytesIO(content), is_implicit_VR=False, is_little_endian=True)

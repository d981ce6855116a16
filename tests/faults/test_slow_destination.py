"""A destination at the end of a bad line gets its images, once, and its sender keeps what it holds."""

import contextlib
import time

import pytest

from routing.core.instance import OutgoingInstance
from routing.dicom.requestor import NodeAddress
from routing.dicom.storage_scu import StorageAssociation
from tests.acceptance.router import storage_node
from tests.faults.slow_line import slow_line
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, dataset, running_scp

pytestmark = pytest.mark.integration


def store(port: int, uid: str, content: bytes, called: str) -> int | None:
    node = NodeAddress("127.0.0.1", port, called, "CT_1", connect_timeout=30, response_timeout=60)
    association = StorageAssociation.open(node, [(CT_IMAGE, (EXPLICIT,))])
    view = memoryview(content)
    result = association.send(OutgoingInstance(0, CT_IMAGE, uid, EXPLICIT, lambda: contextlib.nullcontext([view])))
    association.release()
    return result.status


@pytest.mark.fault(105, "slow, far, one piece in ten comes late; a quick destination beside it")
def test_a_slow_line_delays_nobody_else_and_everything_arrives_once(make_router, tmp_path, seen, effort) -> None:
    # In full it takes longer than a lease, which has to be renewed meanwhile.
    images, rate = effort(3, 10), effort(30_000, 3_000)
    pixels = effort(20_000, 40_000)
    with (
        # At 3 kB/s a PDU takes longer than a listener of ours would give it.
        running_scp(tmp_path / "slow", pdu_deadline=300, network_timeout=300) as slow,
        running_scp(tmp_path / "quick") as quick,
        slow_line(slow.port, bytes_a_second=rate, delay=effort(0, 2) + 0.2, stalls=0.1) as port,
    ):
        router = make_router()
        router.configure(nodes=storage_node("FAR", port) + storage_node("NEAR", quick.port), lua="[]\n")
        router.start()
        began = time.monotonic()
        for number in range(images):
            for called in ("FAR", "NEAR"):
                uid = f"1.2.105.{number}"
                assert store(router.dicom_port, uid, dataset(uid, pixels), called) == 0
        near = [quick.next() for _ in range(images)]
        near_took = time.monotonic() - began
        router.settled(2 * images, 600)
        far_took = time.monotonic() - began
        assert router.states() == {"Delivered": 2 * images}
        assert router.rows("SELECT max(attempt_count) FROM routing_queueitem") == [(1,)]
        assert slow.stored.qsize() == images == len(near)
        for instance in (*near, *(slow.next() for _ in range(images))):
            scp = quick if instance in near else slow
            assert scp.dataset(instance) == dataset(instance.sop_instance_uid, pixels)
    seen(
        f"{images} of {images} images of {pixels // 1000} kB arrived once, at the first attempt, over"
        f" {rate / 1000:.0f} kB/s in {far_took:.0f} s; the destination beside it had its own after {near_took:.1f} s"
    )

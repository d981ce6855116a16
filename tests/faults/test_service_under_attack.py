"""Ten modalities store through a whole router while it is attacked: every image arrives, as it was sent."""

from __future__ import annotations

import contextlib
import threading
import time
from functools import partial
from itertools import cycle

import pytest

from routing.core.instance import OutgoingInstance
from routing.dicom.requestor import NodeAddress
from routing.dicom.storage_scu import StorageAssociation
from tests.acceptance.router import storage_node, until
from tests.faults.attackers import REQUEST, Attacker, header
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, dataset, pdata, pdv, running_scp, store_command

pytestmark = pytest.mark.integration
PEERS = 10
ATTACKS = [
    (REQUEST[:3], False),
    (REQUEST[:100], False),
    (b"", False),
    (header(4, 0xFFFFFFFF) + bytes(10), False),
    (header(1, 300_000_000) + bytes(100_000), False),
    (b"GET / HTTP/1.1\r\n\r\n", False),
    (header(4, 1_500_000_000) + bytes(100_000), True),
    (store_command("1.2.666") + pdata(pdv(bytes(5000))), True),
    (REQUEST + store_command("1.2.666") + REQUEST, True),
]


class Modality(threading.Thread):
    """Stores its images over one association, and notes how long each took."""

    def __init__(self, number: int, images: int, port: int) -> None:
        super().__init__(name=f"modality {number}")
        self.uids = [f"1.2.45.{number}.{image}" for image in range(images)]
        self._address = NodeAddress("127.0.0.1", port, "PACS", f"CT_{number}", connect_timeout=30, response_timeout=120)
        self.worst = 0.0
        self.acknowledged: list[str] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            association = StorageAssociation.open(self._address, [(CT_IMAGE, (EXPLICIT,))])
            for uid in self.uids:
                began = time.monotonic()
                content = memoryview(dataset(uid, pixels=20_000))
                instance = OutgoingInstance(0, CT_IMAGE, uid, EXPLICIT, partial(contextlib.nullcontext, [content]))
                result = association.send(instance)
                self.worst = max(self.worst, time.monotonic() - began)
                if result.status == 0:
                    self.acknowledged.append(uid)
            association.release()
        except BaseException as error:
            self.failure = error


def attack(port: int, stop: threading.Event, made: list[int]) -> None:
    """One attack after the other from another address; the newest forty stay open."""
    held: list[Attacker] = []
    for content, associated in cycle(ATTACKS):
        if stop.wait(0.01):
            break
        with contextlib.suppress(OSError):
            attacker = Attacker(port, "127.0.0.2")
            held.append(attacker)
            if associated:
                attacker.associate()
            attacker.send(content)
            made.append(1)
        while len(held) > 40:
            held.pop(0).close()
    for attacker in held:
        attacker.close()


@pytest.mark.fault(45, "attacks 1 to 11 over and over from another address meanwhile")
def test_every_image_of_ten_modalities_arrives_while_the_listener_is_attacked(make_router, tmp_path, seen, effort):
    images = effort(20, 1000)
    with running_scp(tmp_path / "destination") as sink:
        router = make_router()
        router.configure(nodes=storage_node("PACS", sink.port), lua="[]\n")
        router.start()
        modalities = [Modality(number, images, router.dicom_port) for number in range(PEERS)]
        stop, made = threading.Event(), []
        attacker = threading.Thread(target=attack, args=(router.dicom_port, stop, made))
        attacker.start()
        try:
            until(lambda: len(made) >= 40, 60, "the attack is under way")
            for modality in modalities:
                modality.start()
            for modality in modalities:
                modality.join(600)
                assert not modality.is_alive()
        finally:
            stop.set()
            attacker.join(60)
        assert [modality.failure for modality in modalities if modality.failure] == []
        sent = {uid for modality in modalities for uid in modality.acknowledged}
        assert len(sent) == PEERS * images
        router.settled(len(sent), effort(120, 600))
        assert router.states() == {"Delivered": len(sent)}
        arrived = {}
        until(lambda: sink.stored.qsize() >= len(sent), 60, "the destination has them all")
        while not sink.stored.empty():
            instance = sink.next()
            arrived[instance.sop_instance_uid] = sink.dataset(instance)
    assert set(arrived) == sent
    assert all(content == dataset(uid, pixels=20_000) for uid, content in arrived.items())
    worst = max(modality.worst for modality in modalities)
    seen(
        f"{len(arrived)} of {len(sent)} acknowledged images delivered byte for byte during {len(made)} attacks;"
        f" the slowest store took {worst:.2f} s",
        good_wait=worst,
    )

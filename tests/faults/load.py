"""A modality that sends until it is acknowledged, a node that keeps what arrives, and what must follow from both."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.acceptance.peers import Receiver, Sample, sample
from tests.acceptance.router import Router, storage_node, until
from tests.acceptance.test_killed_at_any_moment import CT, EXPLICIT, Modality
from tests.images import image, write

STAMP = """
- Description: Stamps
  Script: dataset:Set('StationName', 'ROUTED')
"""
NODE = ("RetryInitial: 1", "RetryLimit: 2")


def samples(folder: Path, count: int) -> list[Sample]:
    """Different CT images, as files of the modality."""
    folder.mkdir(exist_ok=True)
    found = []
    for number in range(1, count + 1):
        path = folder / f"i{number}.dcm"
        one = sample(write(image("CT", number, StudyInstanceUID=f"1.2.3.{number % 7}"), path))
        assert one is not None
        found.append(one)
    return found


@contextlib.contextmanager
def node() -> Iterator[Receiver]:
    receiver = Receiver([(CT, EXPLICIT)])
    try:
        yield receiver
    finally:
        receiver.stop()


@contextlib.contextmanager
def sending(router: Router, images: list[Sample]) -> Iterator[Modality]:
    """Sends meanwhile; at the end of the context everything has been acknowledged."""
    modality = Modality(images, router.dicom_port)
    # A test that has failed leaves its router away, and this would call it for ever.
    modality.daemon = True
    modality.start()
    yield modality
    modality.join(600)
    assert not modality.is_alive(), "the modality never got through"


def configure(router: Router, receiver: Receiver, *more: str) -> None:
    router.configure(nodes=storage_node("PACS", receiver.port, *NODE, *more), lua=STAMP)


def all_arrived(
    router: Router, receiver: Receiver, acknowledged: list[str], states: Callable[[], dict[str, int]] | None = None
) -> int:
    """Each acknowledged image has arrived, edited and otherwise whole, and nothing waits; how many came twice."""
    wanted = set(acknowledged)
    until(lambda: receiver.uids() >= wanted, 300, "everything acknowledged arrives")
    states = states or router.states
    until(lambda: set(states()) == {"Delivered"}, 300, f"everything is delivered: {states()}")
    copies = {uid: copies for (uid, _), copies in receiver.received.items()}
    assert all(len(set(each)) == 1 for each in copies.values()), "two sendings of one image differ"
    assert all(b"ROUTED" in each[0] for each in copies.values())
    return sum(len(each) - 1 for each in copies.values())

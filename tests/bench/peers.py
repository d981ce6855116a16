"""The two sides of the router in processes of their own, so that their work is not counted as its."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from routing.core.identifiers import Identifiers
from routing.core.instance import OutgoingInstance, ReceivedInstance
from routing.dicom.contexts import Context
from routing.dicom.requestor import NodeAddress
from routing.dicom.storage_scp import ScpConfig, StorageScp
from routing.dicom.storage_scu import StorageAssociation
from routing.spool import Spool
from tests.images import ROOT, SOP_CLASSES

CT_IMAGE = SOP_CLASSES["CT"]
INSTANCE = f"{ROOT}.1.1.1"
_EXPLICIT = "1.2.840.10008.1.2.1"


def scp(spool: Spool, new_id: Callable[[], int], stored: Callable[[ReceivedInstance], object]) -> StorageScp:
    """A Storage SCP on any port that takes everything, not yet started."""
    return StorageScp(
        ScpConfig(host="127.0.0.1", port=0),
        admit=lambda _: None,
        spool=spool,
        new_id=new_id,
        stored=lambda instance: (stored(instance), None)[1],
        has_room=lambda: True,
        fatal=lambda _: os._exit(1),
    )


@contextlib.contextmanager
def sink(folder: Path) -> Iterator[int]:
    """A process that takes every image and forgets it; its port."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        spool = Spool(folder, "none")
        taking = scp(spool, Identifiers(1), lambda instance: spool.discard(instance.id))
        os.write(writer, b"%d\n" % taking.start())
        ended.wait()
        taking.stop(0)
        os._exit(0)
    os.close(writer)
    try:
        with os.fdopen(reader) as said:
            yield int(said.readline())
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


class Sender:
    """A process that sends one image over and over when told to; a context manager."""

    def __init__(self, dataset: bytes) -> None:
        self._dataset = dataset

    def __enter__(self) -> Sender:
        orders, self._orders = os.pipe()
        self._done, done = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._orders)
            with os.fdopen(orders) as lines:
                for line in lines:
                    port, count = map(int, line.split())
                    self._send(port, count)
                    os.write(done, b"!")
            os._exit(0)
        os.close(orders)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._orders)
        os.waitpid(self._pid, 0)

    def send(self, port: int, count: int) -> None:
        """Have the image sent so many times over one association, and wait until all are answered."""
        os.write(self._orders, b"%d %d\n" % (port, count))
        os.read(self._done, 1)

    def _send(self, port: int, count: int) -> None:
        context: Context = (CT_IMAGE, (_EXPLICIT,))
        address = NodeAddress(host="127.0.0.1", port=port, called_ae_title="ROUTER", calling_ae_title="BENCH")
        association = StorageAssociation.open(address, [context])
        for number in range(count):
            sent = association.send(OutgoingInstance(number, CT_IMAGE, INSTANCE, _EXPLICIT, self._open))
            assert sent.status == 0, sent
        association.release()

    @contextlib.contextmanager
    def _open(self) -> Iterator[list[memoryview]]:
        yield [memoryview(self._dataset)]

"""The two sides of the router in processes of their own, so that their work is not counted as its."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

from routing.core.identifiers import Identifiers
from routing.core.instance import OutgoingInstance, ReceivedInstance
from routing.dicom.contexts import Context
from routing.dicom.requestor import NodeAddress
from routing.dicom.storage_scp import ScpConfig, StorageScp
from routing.dicom.storage_scu import StorageAssociation
from routing.spool.spool import Spool
from tests.images import ROOT, SOP_CLASSES

CT_IMAGE = SOP_CLASSES["CT"]
INSTANCE = f"{ROOT}.9.1000000000"
"""As long as those of all images that are sent."""
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
def sink(folder: Path, arrivals: Path) -> Iterator[int]:
    """A process that takes every image and forgets it, but for a line with its UID and when it came; its port."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        # Before there are threads, which would take it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        spool = Spool(folder, "none")
        with arrivals.open("w", buffering=1) as lines:

            def stored(instance: ReceivedInstance) -> None:
                lines.write(f"{instance.sop_instance_uid} {instance.received_at.timestamp()}\n")
                spool.discard(instance.id)

            taking = scp(spool, Identifiers(1), stored)
            os.write(writer, b"%d\n" % taking.start())
            signal.sigwait({signal.SIGTERM})
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
    """
    A process that sends one data set over and over when told to, each time as another instance; a context manager.

    It keeps one association as long as it is asked for images without a pause in between.
    """

    def __init__(self, dataset: bytes, sent: Path) -> None:
        """
        ``dataset`` is of the instance INSTANCE; others get its bytes in its place.

        ``sent``: file that gets a line for each image, with its UID and when its sending began.
        """
        at = dataset.index(INSTANCE.encode())
        self._around = memoryview(dataset)[:at], memoryview(dataset)[at + len(INSTANCE) :]
        self._sent = sent

    def __enter__(self) -> Sender:
        orders, self._orders = os.pipe()
        self._done, done = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(self._orders)
            try:
                self._obey(orders, done)
            except BaseException:
                traceback.print_exc()
            finally:
                # Nothing of the parent's may be ended twice.
                os._exit(0)
        os.close(orders)
        os.close(done)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._orders)
        os.waitpid(self._pid, 0)

    def begin(self, port: int, count: int, rate: float = 0) -> None:
        """Have so many images sent, so many a second; 0: one directly after the other."""
        os.write(self._orders, b"%d %d %g\n" % (port, count, rate))

    def ended(self, wait: float) -> bool:
        """Whether all are answered; waits for it at most so many seconds."""
        if not select.select([self._done], [], [], wait)[0]:
            return False
        if not os.read(self._done, 1):
            raise RuntimeError("the sender has failed")
        return True

    def send(self, port: int, count: int) -> None:
        """Have so many images sent, and wait until all are answered."""
        self.begin(port, count)
        while not self.ended(60):
            pass

    def times(self) -> list[tuple[str, float]]:
        """UID and begin, in seconds since the epoch, of every image sent."""
        lines = (line.split() for line in self._sent.read_text().splitlines())
        return [(name, float(at)) for name, at in lines]

    def _obey(self, orders: int, done: int) -> None:
        first = 0
        with os.fdopen(orders) as lines, self._sent.open("w", buffering=1) as sent:
            for line in lines:
                port, count, rate = line.split()
                self._send(int(port), range(first, first + int(count)), float(rate), sent)
                first += int(count)
                os.write(done, b"!")

    def _send(self, port: int, numbers: range, rate: float, sent: TextIO) -> None:
        context: Context = (CT_IMAGE, (_EXPLICIT,))
        address = NodeAddress(host="127.0.0.1", port=port, called_ae_title="ROUTER", calling_ae_title="BENCH")
        association = StorageAssociation.open(address, [context])
        began = time.monotonic()
        for position, number in enumerate(numbers):
            if rate:
                time.sleep(max(0.0, began + position / rate - time.monotonic()))
            name = f"{INSTANCE[:-9]}{number + 1:09d}"
            sent.write(f"{name} {time.time()}\n")
            answer = association.send(OutgoingInstance(number, CT_IMAGE, name, _EXPLICIT, partial(self._open, name)))
            assert answer.status == 0, answer
        association.release()

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[list[memoryview]]:
        # The router refuses a data set that says another instance than the command.
        head, tail = self._around
        yield [head, memoryview(name.encode()), tail]

"""Sample destinations: Storage SCPs that take images, keep the last few, and behave as differently as real ones."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import UltrasoundMultiFrameImageStorage

from routing.core.identifiers import Identifiers
from routing.core.instance import ReceivedInstance
from routing.dicom.associate import UNKNOWN_CALLED, AssociationRequest, Refusal
from routing.dicom.storage_scp import ScpConfig, StorageScp
from routing.processes.stop_flag import StopFlag
from routing.spool.spool import Spool

log = logging.getLogger("capacitor.demo")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a destination answers."""

    ae_title: str
    answer_seconds: float = 0.0
    """Time it takes for each image."""
    rejected_sop_classes: frozenset[str] = frozenset()
    full_every: int = 0
    """Says "out of resources" to each so-manieth image; 0: never."""


SAMPLES = (
    Behaviour("PACS"),
    Behaviour("AI_SERVER", answer_seconds=0.4),
    Behaviour("RESEARCH"),
    Behaviour("LONG_TERM", rejected_sop_classes=frozenset({UltrasoundMultiFrameImageStorage}), full_every=7),
)


class SampleDestination:
    """One Storage SCP; ``start`` answers its port."""

    def __init__(self, behaviour: Behaviour, folder: Path, *, port: int = 0, keep: int = 20):
        self.behaviour = behaviour
        self.stored: list[ReceivedInstance] = []
        """Images taken, the newest last; only the last ``keep`` have files."""
        self.failed = threading.Event()
        self._spool = Spool(folder, durable="none")
        self._kept: deque[int] = deque()
        self._keep = keep
        self._numbers = itertools.count(1)
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._scp = StorageScp(
            ScpConfig(
                host="127.0.0.1",
                port=port,
                ae_title=behaviour.ae_title,
                rejected_sop_classes=behaviour.rejected_sop_classes,
            ),
            admit=self._admit,
            spool=self._spool,
            new_id=Identifiers(0),
            stored=self._store,
            has_room=self._has_room,
            fatal=lambda _error: self.failed.set(),
        )

    def start(self) -> int:
        return self._scp.start()

    def stop(self) -> None:
        self._stopping.set()
        self._scp.stop(drain_seconds=2)

    def path(self, instance: ReceivedInstance) -> Path:
        return self._spool.path(instance.id)

    def _admit(self, request: AssociationRequest) -> Refusal | None:
        if request.called_ae_title != self.behaviour.ae_title:
            return Refusal(*UNKNOWN_CALLED, f"this is {self.behaviour.ae_title}")
        return None

    def _has_room(self) -> bool:
        every = self.behaviour.full_every
        return not every or next(self._numbers) % every != 0

    def _store(self, instance: ReceivedInstance) -> None:
        # Not a sleep: a stop must not wait for a slow destination.
        self._stopping.wait(self.behaviour.answer_seconds)
        with self._lock:
            self.stored.append(instance)
            del self.stored[: -max(self._keep, 1)]
            self._kept.append(instance.id)
            while len(self._kept) > self._keep:
                self._spool.discard(self._kept.popleft())


def run(folder: Path, first_port: int, stopping: StopFlag, behaviours: Sequence[Behaviour] = SAMPLES) -> None:
    """Run all of them, on ports in a row, until ``stopping`` is set; CannotListen when a port is taken."""
    started: list[SampleDestination] = []
    try:
        for port, behaviour in enumerate(behaviours, start=first_port):
            destination = SampleDestination(behaviour, folder / behaviour.ae_title, port=port)
            destination.start()
            started.append(destination)
        log.info("sample destinations listen on ports %d to %d", first_port, first_port + len(started) - 1)
        while not stopping.wait(1.0):
            if any(destination.failed.is_set() for destination in started):
                raise RuntimeError("a sample destination no longer accepts associations")
    finally:
        for destination in started:
            destination.stop()

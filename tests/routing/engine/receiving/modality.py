"""A modality of the tests, by pynetdicom: one association with a listener that knows its nodes and senders."""

import subprocess
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ

from tests.acceptance.router import kill
from tests.builders import CT_IMAGE
from tests.routing.engine.engine import Engine

NODES = """
from routing.models import KnownSender, Node
from scripts_app.models import LuaEntry
LuaEntry.objects.create(script="-- so that images wait for their preparation")
Node.objects.create(ae_title="PACS", aliases=["OLD"])
Node.objects.create(ae_title="WAITS", paused=True)
Node.objects.create(ae_title="OFF", enabled=False)
KnownSender.objects.create(ae_title="CT_1")
KnownSender.objects.create(ae_title="NEAR", network="127.0.0.0/8")
KnownSender.objects.create(ae_title="FAR", network="192.0.2.0/24")
"""
PATIENT = "CANARYNAME"


def image(number: int = 1) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = Dataset()  # type: ignore[assignment]
    dataset.SOPClassUID = UID(CT_IMAGE)
    dataset.SOPInstanceUID = UID(f"1.2.3.{number}")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    dataset.PatientName, dataset.PatientID = f"{PATIENT}^ANNA", "CANARYID"
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    return dataset


class Sender:
    """One association of a modality."""

    def __init__(self, engine: Engine, calling: str = "CT_1", called: str = "PACS") -> None:
        modality = AE(ae_title=calling)
        modality.add_requested_context(CT_IMAGE, "1.2.840.10008.1.2.1")
        modality.acse_timeout = modality.dimse_timeout = modality.network_timeout = 60
        self._rejected: A_ASSOCIATE_RJ | None = None
        heard: list[Any] = [(evt.EVT_PDU_RECV, self._hear)]
        self.association = modality.associate("127.0.0.1", engine.port, ae_title=called, evt_handlers=heard)
        self._leave_answers_to_those_who_asked()

    def _hear(self, event: evt.Event) -> None:
        """
        Keep a rejection as it comes.

        pynetdicom looks whether it is connected before it looks for an answer: after a quick one that has closed the
        connection, on a busy machine, it takes the connection for one that never was, and the answer is lost.
        """
        if isinstance(event.pdu, A_ASSOCIATE_RJ):
            self._rejected = event.pdu

    def _leave_answers_to_those_who_asked(self) -> None:
        """
        Keep the association's own thread from taking answers.

        pynetdicom holds it back while something is sent, but takes one that is just going on after the last time
        for one that is held back already: on a busy machine it may then take the answer, and nobody gets it.
        """
        dimse = self.association.dimse
        really = dimse.get_msg
        dimse.get_msg = lambda block=False: really(block=True) if block else (None, None)  # type: ignore[method-assign]

    @property
    def answer(self) -> str:
        if self.association.is_established:
            return "accepted"
        assert self._rejected is not None
        return f"{self._rejected.result} {self._rejected.source} {self._rejected.reason_diagnostic}"

    def store(self, number: int = 1) -> int:
        return int(self.association.send_c_store(image(number)).Status)

    def lose(self) -> None:
        """The peer was killed: pynetdicom does not close its socket by itself then."""
        self.association.abort()
        socket = self.association.dul.socket
        if socket is not None and socket.socket is not None:
            socket.socket.close()

    def end(self) -> None:
        if self.association.is_established:
            self.association.release()


def started(engine: Engine) -> subprocess.Popen[bytes]:
    engine.python(NODES)
    return engine.listener()


def killed_before_the_rows(engine: Engine, images: int = 1) -> subprocess.Popen[bytes]:
    """A listener that has acknowledged so many images, and was killed with its row writer before they had rows."""
    listener = started(engine)
    sender = Sender(engine)
    with engine.database_locked():
        assert [sender.store(number) for number in range(images)] == [0] * images
        for pid in (listener.pid, *engine.pids(listener.pid)):
            kill(pid)
        listener.wait()
    sender.lose()
    return listener

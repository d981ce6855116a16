"""An independent SCU and SCP by pynetdicom, with the bytes of data sets as they travel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context

from scripts_app.core.dataset.file_meta import NotPart10, read_file_meta

TOOLKIT = {"UNRESTRICTED_STORAGE_SERVICE": True, "STORE_SEND_CHUNKED_DATASET": True}
"""How pynetdicom is set for the peers here; it has one setting for the whole process."""
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
"""A DICOMDIR: lives on media, is never sent."""


@dataclass(frozen=True)
class Sample:
    """A Part 10 file and its data set's bytes."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    dataset: bytes


def sample(path: Path) -> Sample | None:
    """A file as a sample; None when it names no SOP instance or transfer syntax, so that nobody could send it."""
    content = path.read_bytes()
    try:
        meta = read_file_meta(content)
    except NotPart10:
        return None
    uids = (meta.media_storage_sop_class_uid, meta.media_storage_sop_instance_uid, meta.transfer_syntax_uid)
    if not all(uids) or uids[0] == MEDIA_STORAGE_DIRECTORY:
        return None
    return Sample(path, *uids, content[meta.dataset_offset :])


def bundled_samples() -> list[Sample]:
    """All of pydicom's bundled files that can be sent, one for each SOP instance and transfer syntax."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    found: dict[tuple[str, str], Sample] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (read := sample(path)) and read.dataset:
            found.setdefault((read.sop_instance_uid, read.transfer_syntax_uid), read)
    return list(found.values())


def send(samples: Iterable[Sample], port: int, called: str, calling: str = "SCANNER") -> dict[Path, int | None]:
    """Send each sample's bytes as they are; the DIMSE status of each, None when no answer came."""
    statuses: dict[Path, int | None] = {}
    for one in samples:
        ae = AE(ae_title=calling)
        ae.requested_contexts = [build_context(one.sop_class_uid, one.transfer_syntax_uid)]
        association = ae.associate("127.0.0.1", port, ae_title=called)
        statuses[one.path] = None
        if association.is_established:
            answer = association.send_c_store(one.path)
            statuses[one.path] = answer.get("Status")
            association.release()
    return statuses


class Receiver:
    """A Storage SCP that takes everything and keeps the bytes of each data set by SOP instance and syntax."""

    def __init__(
        self, contexts: Iterable[tuple[str, str]], status: Callable[[Any], int] = lambda event: 0x0000
    ) -> None:
        self.received: dict[tuple[str, str], list[bytes]] = {}
        self.callers: set[str] = set()
        self._status = status
        self._lock = threading.Lock()
        ae = AE()
        ae.maximum_associations = 50
        by_class: dict[str, list[str]] = {}
        for sop_class, syntax in contexts:
            by_class.setdefault(sop_class, []).append(syntax)
        for sop_class, syntaxes in by_class.items():
            ae.add_supported_context(sop_class, sorted(set(syntaxes)))
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])
        self.port: int = self._server.server_address[1]

    def _store(self, event: Any) -> int:
        status = self._status(event)
        if status == 0x0000:
            key = (str(event.request.AffectedSOPInstanceUID), str(event.context.transfer_syntax))
            with self._lock:
                self.received.setdefault(key, []).append(event.request.DataSet.getvalue())
                self.callers.add(str(event.assoc.requestor.ae_title).strip())
        return status

    def uids(self) -> set[str]:
        """What has arrived until now; to be asked while more comes in."""
        with self._lock:
            return {uid for uid, _ in self.received}

    def stop(self) -> None:
        self._server.shutdown()

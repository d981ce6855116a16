"""Builders for network tests: a Storage SCP over a spool, a peer of raw bytes, instances to send."""

import contextlib
import queue
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom.data import get_testdata_files

from routing.core.identifiers import Identifiers
from routing.core.instance import OutgoingInstance, ReceivedInstance, RefusedInstance
from routing.dicom import command
from routing.dicom.associate import (
    AssociationRequest,
    Refusal,
    encode_request,
)
from routing.dicom.contexts import is_storage
from routing.dicom.requestor import NodeAddress
from routing.dicom.storage_scp import ScpConfig, StorageScp
from routing.dicom.wire import Inbound
from routing.spool.spool import Spool
from scripts_app.core.dataset.file_meta import NotPart10, read_file_meta
from tests.files_below import files_below

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
PATIENCE = 10
"""Seconds until a test that waits for something has failed."""


@dataclass
class RunningScp:
    port: int
    spool: Spool
    scp: StorageScp
    stored: "queue.Queue[ReceivedInstance]" = field(default_factory=queue.Queue)
    fatal: list[BaseException] = field(default_factory=list)
    refused: list[RefusedInstance] = field(default_factory=list)

    def next(self) -> ReceivedInstance:
        return self.stored.get(timeout=PATIENCE)

    def dataset(self, instance: ReceivedInstance) -> bytes:
        return self.spool.path(instance.id).read_bytes()[instance.dataset_offset :]

    def files(self) -> list[str]:
        """Names of the files that are received or half received, without the quarantine."""
        return [path.name for path in files_below(self.spool.root) if path.parent.name != "quarantine"]


@contextlib.contextmanager
def running_scp(
    folder: Path,
    admit: Callable[[AssociationRequest], Refusal | str | None] = lambda _: None,
    has_room: Callable[[], bool] = lambda: True,
    stored: Callable[[ReceivedInstance], None] | None = None,
    drain_seconds: float = PATIENCE,
    tls: ssl.SSLContext | None = None,
    **config: Any,
) -> Iterator[RunningScp]:
    """A Storage SCP on a free port of the loopback; stopped at the end."""
    spool = Spool(folder / "spool", durable="none")
    running: RunningScp
    scp = StorageScp(
        ScpConfig(**{"host": "127.0.0.1", "port": 0, "tls": tls and (lambda: tls), **config}),
        admit=admit,
        spool=spool,
        new_id=Identifiers(tag=1),
        stored=stored or (lambda instance: running.stored.put(instance)),
        has_room=has_room,
        fatal=lambda error: running.fatal.append(error),
        refused=lambda instance: running.refused.append(instance),
    )
    running = RunningScp(scp.start(), spool, scp)
    try:
        yield running
    finally:
        scp.stop(drain_seconds)


class RawPeer:
    """A requestor made of single bytes, to say what no toolkit would say."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._inbound = Inbound(self.socket, PATIENCE)

    def __enter__(self) -> "RawPeer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *content: bytes) -> None:
        self.socket.settimeout(PATIENCE)
        self.socket.sendall(b"".join(content))

    def receive(self) -> tuple[int, bytes]:
        """The next PDU: type and what follows its header."""
        kind, length = self._inbound.header(PATIENCE)
        body = b""
        while len(body) < length:
            body += self._inbound.some(length - len(body))
        return kind, body

    def is_closed(self) -> bool:
        """Whether the acceptor closes the connection, saying no more."""
        self.socket.settimeout(PATIENCE)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def associate(self, *contexts: tuple[str, tuple[str, ...]], calling: str = "RAW", max_pdu: int = 16382) -> bytes:
        """Open an association for CT, or for what is given; what follows the header of the A-ASSOCIATE-AC."""
        self.send(encode_request(calling, "ANY", contexts or [(CT_IMAGE, (EXPLICIT,))], max_pdu))
        kind, body = self.receive()
        assert kind == 2, f"PDU type {kind} {body!r}"
        return body

    def response(self) -> command.Command:
        kind, body = self.receive()
        assert kind == 4, f"PDU type {kind} {body!r}"
        length, _, control = command.PDV_HEADER.unpack_from(body)
        assert control == 3 and length == len(body) - 4
        return command.decode(body[6:])

    def abort_reason(self) -> int:
        """The reason of the A-ABORT that has to come now."""
        kind, body = self.receive()
        assert kind == 7, f"PDU type {kind} {body!r}"
        return body[3]


def pdv(content: bytes, context_id: int = 1, control: int = 0) -> bytes:
    return struct.pack(">LBB", len(content) + 2, context_id, control) + content


def pdata(*pdvs: bytes) -> bytes:
    body = b"".join(pdvs)
    return struct.pack(">BxL", 4, len(body)) + body


def store_command(
    instance: str = "1.2.3", sop_class: str = CT_IMAGE, message_id: int = 1, context_id: int = 1
) -> bytes:
    request = command.store_request(message_id, sop_class, instance, 0)
    return pdata(pdv(request, context_id, control=3))


def dataset(instance: str = "1.2.3", pixels: int = 2000) -> bytes:
    """A small data set, Explicit VR Little Endian, of a synthetic CT image."""

    def element(tag: int, vr: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
        return head + (struct.pack("<HL" if vr == b"OW" else "<H", *((0,) * (vr == b"OW")), len(value))) + value

    return (
        element(0x00080016, b"UI", CT_IMAGE.encode())
        + element(0x00080018, b"UI", instance.encode())
        + element(0x0020000D, b"UI", b"1.2.3.4")
        + element(0x7FE00010, b"OW", bytes(range(256)) * (pixels // 256) + bytes(pixels % 256))
    )


def outgoing(
    content: bytes, instance: str = "1.2.3", sop_class: str = CT_IMAGE, syntax: str = EXPLICIT
) -> OutgoingInstance:
    middle = len(content) // 3
    return OutgoingInstance(
        item_id=7,
        sop_class_uid=sop_class,
        sop_instance_uid=instance,
        transfer_syntax_uid=syntax,
        open=lambda: contextlib.nullcontext([memoryview(content)[:middle], memoryview(content)[middle:]]),
    )


def as_sent(instance: OutgoingInstance) -> bytes:
    """The data set as it has to arrive: padded to an even length (a deflated one in a file may be odd)."""
    with instance.open() as slices:
        content = b"".join(slices)
    return content + b"\0" * (len(content) % 2)


def address(port: int, **more: Any) -> NodeAddress:
    return NodeAddress(
        **{"host": "127.0.0.1", "port": port, "called_ae_title": "ANY", "calling_ae_title": "ME", **more}
    )


def bundled_instances() -> Mapping[str, OutgoingInstance]:
    """Every file that comes with pydicom and has file meta information, by name: nothing is downloaded."""
    found = {}
    for name in get_testdata_files("**/*.dcm"):
        content = Path(name).read_bytes()
        with contextlib.suppress(NotPart10):
            meta = read_file_meta(content)
            if (
                is_storage(meta.media_storage_sop_class_uid)
                and meta.media_storage_sop_instance_uid
                and meta.dataset_offset < len(content)
            ):
                found[Path(name).name] = outgoing(
                    content[meta.dataset_offset :],
                    meta.media_storage_sop_instance_uid,
                    meta.media_storage_sop_class_uid,
                    meta.transfer_syntax_uid,
                )
    return found


def is_served(scp: RunningScp, source: str = "127.0.0.1") -> bool:
    with RawPeer(scp.port, source) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        return peer.response().status == 0


def wait_until_alone(scp: RunningScp) -> None:
    for thread in threading.enumerate():
        if thread.name == "dicom":
            thread.join(PATIENCE)
    assert scp.scp.association_count == 0

"""Command sets of DIMSE messages, and the P-DATA PDUs that carry them (PS3.7 6.3, 9.3; PS3.8 9.3.5)."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from routing.dicom.wire import INVALID_PARAMETER, PDU_DATA, WireError

C_STORE_RQ = 0x0001
C_ECHO_RQ = 0x0030
C_CANCEL_RQ = 0x0FFF
RESPONSE = 0x8000

COMMAND_FRAGMENT = 0x01
LAST_FRAGMENT = 0x02

PDV_HEADER = struct.Struct(">LBB")
"""Length of what follows, presentation context id, message control header."""

_DATA_HEADER = struct.Struct(">BxLLBB")
_ELEMENT = struct.Struct("<HHL")
_SHORT = struct.Struct("<H")
_NO_DATASET = 0x0101
_DATASET_FOLLOWS = 0x0001
_LONGEST_COMMENT = 64
_MOST_HEARD = 500
"""Characters of a comment that are kept, for some nodes write more than PS3.7 allows; each attempt keeps them anew."""
_OVERHEAD = PDV_HEADER.size
_PADDING = memoryview(b"\0")
_LARGEST_SENT_PDU = 1 << 20
# A peer that announces less than a header and two bytes cannot be sent anything.
_SMALLEST_SENT_PDU = 32


@dataclass(frozen=True, slots=True)
class Command:
    """One command set, decoded as far as storage and verification need it."""

    field: int
    message_id: int
    """Of the request, also in a response: (0000,0110) or (0000,0120)."""
    sop_class_uid: str
    sop_instance_uid: str
    has_dataset: bool
    status: int | None
    comment: str


def decode(command_set: bytes) -> Command:
    """Decode a command set, which is always Implicit VR Little Endian.  WireError when it is not one."""
    values: dict[int, bytes] = {}
    at = 0
    while at < len(command_set):
        if at + 8 > len(command_set):
            raise WireError("a command set ends inside an element header", INVALID_PARAMETER)
        group, element, length = _ELEMENT.unpack_from(command_set, at)
        at += 8
        if group != 0 or length > len(command_set) - at:
            raise WireError(f"({group:04X},{element:04X}) has no place in a command set", INVALID_PARAMETER)
        values[element] = command_set[at : at + length]
        at += length
    field = _number(values, 0x0100)
    message_id = _number(values, 0x0120 if field is not None and field & RESPONSE else 0x0110)
    if field is None or message_id is None:
        if field != C_CANCEL_RQ:
            raise WireError("a command set lacks its command field or message id", INVALID_PARAMETER)
        message_id = 0
    return Command(
        field=field,
        message_id=message_id,
        sop_class_uid=_text(values, 0x0002),
        sop_instance_uid=_text(values, 0x1000),
        has_dataset=_number(values, 0x0800) != _NO_DATASET,
        status=_number(values, 0x0900),
        comment=_printable(_text(values, 0x0902)[:_MOST_HEARD]),
    )


def store_request(message_id: int, sop_class_uid: str, sop_instance_uid: str, priority: int) -> bytes:
    """C-STORE-RQ (PS3.7 9.3.1.1); priority 0 is medium, 1 high, 2 low."""
    return _command_set(
        (0x0002, _uid(sop_class_uid)),
        (0x0100, _SHORT.pack(C_STORE_RQ)),
        (0x0110, _SHORT.pack(message_id)),
        (0x0700, _SHORT.pack(priority)),
        (0x0800, _SHORT.pack(_DATASET_FOLLOWS)),
        (0x1000, _uid(sop_instance_uid)),
    )


def echo_request(message_id: int, sop_class_uid: str) -> bytes:
    """C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return _command_set(
        (0x0002, _uid(sop_class_uid)),
        (0x0100, _SHORT.pack(C_ECHO_RQ)),
        (0x0110, _SHORT.pack(message_id)),
        (0x0800, _SHORT.pack(_NO_DATASET)),
    )


def response(request: Command, status: int, comment: str = "") -> bytes:
    """The response to any request; the comment explains a failure in at most 64 characters."""
    elements = [
        (0x0002, _uid(request.sop_class_uid)),
        (0x0100, _SHORT.pack(request.field | RESPONSE)),
        (0x0120, _SHORT.pack(request.message_id)),
        (0x0800, _SHORT.pack(_NO_DATASET)),
        (0x0900, _SHORT.pack(status)),
        (0x0902, _padded(comment[:_LONGEST_COMMENT].encode("ascii", "replace"), b" ")),
        (0x1000, _uid(request.sop_instance_uid)),
    ]
    return _command_set(*(element for element in elements if element[1]))


def command_pdus(context_id: int, command_set: bytes, max_pdu: int) -> bytes:
    """P-DATA PDUs of a command set; ``max_pdu`` is what the peer announced."""
    return b"".join(piece for piece in _pdus(context_id, [memoryview(command_set)], max_pdu, COMMAND_FRAGMENT))


@dataclass(slots=True)
class Progress:
    """How far the sending of a data set has come."""

    sent: int = 0
    """Bytes of it that were handed to the connection, two MiB more at the most than the peer can have."""


def dataset_pdus(
    context_id: int, dataset: Sequence[memoryview], max_pdu: int, progress: Progress | None = None
) -> Iterator[memoryview]:
    """
    P-DATA PDUs of a data set, as pieces to send one after the other.

    The data set itself is never copied: headers alternate with slices of it.
    One of odd length, such as a deflated one from a file, gets a byte of padding
    at its end, for a fragment has an even length (PS3.8 9.3.5.1).
    """
    return _pdus(context_id, dataset, max_pdu, 0, progress)


def _pdus(
    context_id: int, content: Sequence[memoryview], max_pdu: int, kind: int, progress: Progress | None = None
) -> Iterator[memoryview]:
    # Zero means no limit (PS3.8 D.1).
    limit = min(max_pdu or _LARGEST_SENT_PDU, _LARGEST_SENT_PDU)
    fragment = max(limit, _SMALLEST_SENT_PDU) - _OVERHEAD & ~1
    left = sum(map(len, content))
    padding = [_PADDING] if left % 2 else []
    left += len(padding)
    room = 0
    for part in chain(content, padding):
        at = 0
        while at < len(part):
            if not room:
                room = min(fragment, left)
                left -= room
                yield _data_header(context_id, room, kind | (0 if left else LAST_FRAGMENT))
            taken = min(room, len(part) - at)
            yield part[at : at + taken]
            at += taken
            room -= taken
            if progress is not None and part is not _PADDING:
                progress.sent += taken
    if not any(map(len, content)):
        yield _data_header(context_id, 0, kind | LAST_FRAGMENT)


def _data_header(context_id: int, length: int, control: int) -> memoryview:
    return memoryview(_DATA_HEADER.pack(PDU_DATA, length + _OVERHEAD, length + 2, context_id, control))


def _command_set(*elements: tuple[int, bytes]) -> bytes:
    body = b"".join(_ELEMENT.pack(0, element, len(value)) + value for element, value in elements)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def _number(values: dict[int, bytes], element: int) -> int | None:
    value = values.get(element, b"")
    return _SHORT.unpack(value)[0] if len(value) == 2 else None


def _text(values: dict[int, bytes], element: int) -> str:
    return values.get(element, b"").decode("latin-1").strip("\0 ")


def _printable(text: str) -> str:
    """What a stranger wrote for a log: no line may be forged with it, no terminal steered."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _uid(uid: str) -> bytes:
    return _padded(uid.encode("latin-1", "replace"), b"\0")


def _padded(value: bytes, padding: bytes) -> bytes:
    return value + padding if len(value) % 2 else value

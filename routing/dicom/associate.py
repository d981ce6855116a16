"""
A-ASSOCIATE, A-RELEASE and A-ABORT PDUs (PS3.8 9.3, PS3.7 D.3), encoded and decoded.

Not by pynetdicom's own PDU classes: they take 4 ms for the 128 contexts that some
modalities propose for every image, and they log and warn with whatever bytes a stranger sent.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from routing.core.ae_title import checked
from routing.dicom.wire import (
    INVALID_PARAMETER,
    PDU_ABORT,
    PDU_ASSOCIATE_AC,
    PDU_ASSOCIATE_RJ,
    PDU_ASSOCIATE_RQ,
    PDU_HEADER,
    PDU_RELEASE_RP,
    PDU_RELEASE_RQ,
    WireError,
)
from scripts_app.core.dataset.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

LARGEST_ASSOCIATE_PDU = 256 * 1024
"""Bytes: 128 contexts with 40 transfer syntaxes each fit."""

RELEASE_RQ = PDU_HEADER.pack(PDU_RELEASE_RQ, 4) + bytes(4)
RELEASE_RP = PDU_HEADER.pack(PDU_RELEASE_RP, 4) + bytes(4)

ACCEPTANCE = 0
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED = 4

UNKNOWN_CALLER, UNKNOWN_CALLED = (1, 3), (1, 7)
"""Source and reason (PS3.8 table 9-21) of an acceptor that does not know the calling or the called AE title."""
OF_ANY_CALLER = frozenset(((1, 2), UNKNOWN_CALLED, (2, 2)))
"""The same of a rejection that another calling AE title would have met as well."""
_REJECTIONS = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    UNKNOWN_CALLER: "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_FIXED = struct.Struct(">HH16s16s32s")
_ITEM = struct.Struct(">BxH")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_MOST_CONTEXTS = 128


@dataclass(frozen=True, slots=True)
class ProposedContext:
    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What a requestor says of itself before anything is accepted."""

    calling_ae_title: str
    """Without the spaces around it; not checked, any Latin-1 character."""
    called_ae_title: str
    peer_address: str
    """IP address, without port."""
    contexts: tuple[ProposedContext, ...]
    max_pdu: int
    """Longest P-DATA PDU that the requestor takes; 0 is no limit."""
    application_context: str
    protocol_version: int
    titles: bytes
    """Both AE titles as they came, to be sent back."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an association is rejected: source and reason of PS3.8 table 9-21, and words for the log."""

    source: int
    reason: int
    why: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What an acceptor answered: the transfer syntax of each accepted context."""

    transfer_syntaxes: Mapping[int, str]
    max_pdu: int


def is_uid(text: str) -> bool:
    """Tell whether text can be a UID: digits and dots, at most 64 (PS3.5 9.1, but leading zeros pass)."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def decode_request(body: bytes, peer_address: str) -> AssociationRequest:
    """Decode what follows the PDU header of an A-ASSOCIATE-RQ.  WireError when it is none."""
    version, called, calling = _fixed(body)
    contexts: list[ProposedContext] = []
    application_context = ""
    user: dict[int, bytes] = {}
    for kind, item in _items(body, _FIXED.size):
        if kind == 0x10:
            application_context = _text(item)
        elif kind == 0x20:
            contexts.append(_proposed(item))
        elif kind == 0x50:
            user = dict(_items(item))
    if not 1 <= len(contexts) <= _MOST_CONTEXTS:
        raise WireError(f"{len(contexts)} presentation contexts instead of 1 to 128", INVALID_PARAMETER)
    if len({context.context_id for context in contexts}) < len(contexts):
        raise WireError("two presentation contexts with the same id", INVALID_PARAMETER)
    return AssociationRequest(
        calling_ae_title=calling.decode("latin-1").strip(" "),
        called_ae_title=called.decode("latin-1").strip(" "),
        peer_address=peer_address,
        contexts=tuple(contexts),
        max_pdu=_max_pdu(user),
        application_context=application_context,
        protocol_version=version,
        titles=called + calling,
    )


def encode_accept(request: AssociationRequest, results: Iterable[tuple[int, int, str]], max_pdu: int) -> bytes:
    """
    A-ASSOCIATE-AC; a result is (context id, result, transfer syntax).

    Role selection, extended and user identity negotiation go unanswered, which
    means: default roles, nothing extended, identity not asked for (PS3.7 D.3.3).
    """
    contexts = b"".join(
        _item(0x21, bytes((context_id, 0, result, 0)) + _item(0x40, syntax.encode("latin-1")))
        for context_id, result, syntax in results
    )
    return _associate(PDU_ASSOCIATE_AC, request.titles, contexts, max_pdu)


def encode_request(
    calling_ae_title: str,
    called_ae_title: str,
    contexts: Sequence[tuple[str, Sequence[str]]],
    max_pdu: int,
) -> bytes:
    """
    A-ASSOCIATE-RQ; ``contexts`` (abstract, transfer syntaxes) get the ids 1, 3, 5 … in order.

    IllegalAETitle when an AE title is none.
    """
    titles = b"".join(checked(title).encode("ascii").ljust(16) for title in (called_ae_title, calling_ae_title))
    items = b"".join(
        _item(
            0x20,
            bytes((2 * number + 1, 0, 0, 0))
            + _item(0x30, _uid(abstract_syntax))
            + b"".join(_item(0x40, _uid(syntax)) for syntax in transfer_syntaxes),
        )
        for number, (abstract_syntax, transfer_syntaxes) in enumerate(contexts)
    )
    return _associate(PDU_ASSOCIATE_RQ, titles, items, max_pdu)


def decode_accept(body: bytes) -> Acceptance:
    """Decode what follows the PDU header of an A-ASSOCIATE-AC.  WireError when it is none."""
    _fixed(body)
    accepted: dict[int, str] = {}
    user: dict[int, bytes] = {}
    for kind, item in _items(body, _FIXED.size):
        if kind == 0x21:
            if len(item) < 4:
                raise WireError("a presentation context item is cut short", INVALID_PARAMETER)
            if item[2] == ACCEPTANCE:
                accepted[item[0]] = _text(dict(_items(item, 4)).get(0x40, b""))
        elif kind == 0x50:
            user = dict(_items(item))
    return Acceptance(accepted, _max_pdu(user))


def encode_reject(refusal: Refusal) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    result = 2 if refusal.transient else 1
    return PDU_HEADER.pack(PDU_ASSOCIATE_RJ, 4) + bytes((0, result, refusal.source, refusal.reason))


def decode_reject(body: bytes) -> Refusal:
    """Decode the four bytes that follow the PDU header of an A-ASSOCIATE-RJ."""
    _, result, source, reason = body
    why = _REJECTIONS.get((source, reason), f"source {source}, reason {reason}")
    return Refusal(source, reason, why, transient=result == 2)


def encode_abort(reason: int, by_user: bool = False) -> bytes:
    """A-ABORT (PS3.8 9.3.8), by the service user or by the provider for a reason."""
    return PDU_HEADER.pack(PDU_ABORT, 4) + bytes((0, 0, 0 if by_user else 2, 0 if by_user else reason))


def _associate(kind: int, titles: bytes, contexts: bytes, max_pdu: int) -> bytes:
    user = (
        _item(0x51, struct.pack(">L", max_pdu))
        + _item(0x52, IMPLEMENTATION_CLASS_UID.encode())
        + _item(0x55, IMPLEMENTATION_VERSION_NAME.encode())
    )
    body = b"".join(
        (
            _FIXED.pack(1, 0, titles[:16], titles[16:], bytes(32)),
            _item(0x10, APPLICATION_CONTEXT.encode()),
            contexts,
            _item(0x50, user),
        )
    )
    return PDU_HEADER.pack(kind, len(body)) + body


def _fixed(body: bytes) -> tuple[int, bytes, bytes]:
    if len(body) < _FIXED.size:
        raise WireError("an A-ASSOCIATE PDU is cut short", INVALID_PARAMETER)
    version, _, called, calling, _ = _FIXED.unpack_from(body)
    return version, called, calling


def _proposed(item: bytes) -> ProposedContext:
    if len(item) < 4 or not item[0] % 2:
        raise WireError("a presentation context without an odd id", INVALID_PARAMETER)
    abstract_syntaxes: list[str] = []
    transfer_syntaxes: list[str] = []
    for kind, value in _items(item, 4):
        if kind == 0x30:
            abstract_syntaxes.append(_text(value))
        elif kind == 0x40:
            transfer_syntaxes.append(_text(value))
    if len(abstract_syntaxes) != 1 or not transfer_syntaxes:
        raise WireError(f"presentation context {item[0]} without abstract or transfer syntax", INVALID_PARAMETER)
    return ProposedContext(item[0], abstract_syntaxes[0], tuple(transfer_syntaxes))


def _max_pdu(user: Mapping[int, bytes]) -> int:
    value = user.get(0x51, b"")
    return int.from_bytes(value, "big") if len(value) == 4 else 0


def _items(buffer: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    while at < len(buffer):
        if at + _ITEM.size > len(buffer):
            raise WireError("an A-ASSOCIATE PDU ends inside an item header", INVALID_PARAMETER)
        kind, length = _ITEM.unpack_from(buffer, at)
        at += _ITEM.size
        if length > len(buffer) - at:
            raise WireError(f"item {kind:02X} claims {length} bytes that are not there", INVALID_PARAMETER)
        yield kind, buffer[at : at + length]
        at += length


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def _uid(uid: str) -> bytes:
    # A script may have written anything: what is no UID is proposed as such, for the acceptor to decline.
    return uid.encode("ascii", "replace")[:64]


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip("\0 ")

"""An association that this side opens: connect, propose, ask and wait for the answer, release."""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn

from routing.dicom import command
from routing.dicom.associate import (
    LARGEST_ASSOCIATE_PDU,
    RELEASE_RP,
    RELEASE_RQ,
    Refusal,
    decode_accept,
    decode_reject,
    encode_abort,
    encode_request,
)
from routing.dicom.association_failures import TIMED_OUT, AssociationFailed, ExchangeFailed, FailureKind
from routing.dicom.contexts import MOST_CONTEXTS, Context
from routing.dicom.messages import Aborted, Messages, ReleaseRequested
from routing.dicom.status import describe
from routing.dicom.tls import TlsFailed, handshake
from routing.dicom.wire import (
    PDU_ABORT,
    PDU_ASSOCIATE_AC,
    PDU_ASSOCIATE_RJ,
    UNEXPECTED_PDU,
    Disconnected,
    Inbound,
    Silence,
    WireError,
    close_gently,
    no_delay,
    send,
)

_RELEASE_SECONDS = 5
_ABORT_SECONDS = 1
# A peer that answers a store has to get a whole PDU across in this time.
_PDU_SECONDS = 30


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """How to reach a node; times in seconds, sizes in bytes."""

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    tls: ssl.SSLContext | None = None
    connect_timeout: float = 10
    acse_timeout: float = 15
    """From A-ASSOCIATE-RQ to its answer; also for the TLS handshake."""
    response_timeout: float = 60
    """From the last byte of a request to its response."""
    stall_seconds: float = 90
    """Without the peer taking one byte while a data set is sent."""
    max_pdu: int = 128 * 1024

    def __str__(self) -> str:
        return f"{self.called_ae_title} at {self.host} port {self.port}"


class Requestor:
    """One association in use; for one thread at a time."""

    def __init__(self, address: NodeAddress, contexts: Sequence[Context]) -> None:
        """Open it; AssociationFailed says why not."""
        if not 1 <= len(contexts) <= MOST_CONTEXTS:
            raise ValueError(f"{len(contexts)} presentation contexts instead of 1 to {MOST_CONTEXTS}")
        self.address = address
        self.broken = ""
        """Why nothing can be sent any more; empty: all is well."""
        self.progress = command.Progress()
        """Of the data set that was sent last, answered or not."""
        self._message_id = 0
        self._connection = _connect(address)
        try:
            self._inbound = Inbound(self._connection, _PDU_SECONDS)
            self._messages = Messages(self._inbound, address.response_timeout)
            accepted, self._peer_max_pdu = self._propose(contexts)
        except BaseException:
            self._connection.close()
            raise
        self.accepted: Mapping[tuple[str, str], int] = {
            (abstract_syntax, accepted[number]): number
            for number, (abstract_syntax, transfer_syntaxes) in zip(range(1, 256, 2), contexts, strict=False)
            if accepted.get(number) in transfer_syntaxes
        }
        """Context id of each pair of abstract and transfer syntax that the acceptor takes."""

    def next_message_id(self) -> int:
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def exchange(
        self,
        context_id: int,
        request: bytes,
        dataset: Sequence[memoryview] | None = None,
        deadline_seconds: float | None = None,
    ) -> command.Command:
        """
        Send a request, wait for its response.

        ExchangeFailed ends the association: what the peer did is unknown, and
        a late response must not be taken for that of the next request.
        """
        started = time.monotonic()
        until = None if deadline_seconds is None else started + deadline_seconds
        message_id = self._message_id
        field = command.C_ECHO_RQ if dataset is None else command.C_STORE_RQ
        command_pdus = command.command_pdus(context_id, request, self._peer_max_pdu)
        self.progress = command.Progress()
        pieces = command.dataset_pdus(context_id, dataset or [], self._peer_max_pdu, self.progress)
        try:
            self._send_request(command_pdus, None if dataset is None else pieces, until)
            seconds = self.address.response_timeout
            if until is not None:
                seconds = min(seconds, max(0.0, until - time.monotonic()))
            self._messages.idle_seconds = seconds
            answer_context_id, response = self._messages.command()
        except Silence:
            self._time_out(f"no answer after {time.monotonic() - started:.0f} s")
        except Aborted:
            self._break("association aborted by the node")
        except ReleaseRequested:
            with contextlib.suppress(Disconnected, Silence):
                self._send(RELEASE_RP)
            self._break("the node released the association instead of answering", released=True)
        except Disconnected as error:
            self._break(f"connection lost before the answer: {error}")
        except WireError as error:
            self._break(f"the answer breaks the protocol: {error}")
        if response.field != field | command.RESPONSE:
            self._break(f"answered with command field {response.field:04X}")
        if answer_context_id != context_id:
            self._break(f"answered in presentation context {answer_context_id} instead of {context_id}")
        if response.message_id != message_id:
            self._break(f"answered message {response.message_id} instead of {message_id}")
        return response

    def _send_request(
        self, command_pdus: bytes, dataset_pdus: Iterable[memoryview] | None, until: float | None
    ) -> None:
        pieces = chain([memoryview(command_pdus)], dataset_pdus or [])
        try:
            send(self._connection, pieces, self.address.stall_seconds, until)
        except Silence:
            if until is not None and time.monotonic() >= until:
                self._time_out("not sent before the deadline")
            self._time_out(f"took no byte for {self.address.stall_seconds:g} s")
        except Disconnected as error:
            self._break(self._last_words(str(error)))

    @property
    def is_over(self) -> bool:
        """Whether the peer has said more than it was asked: unasked it has only the end to tell."""
        return bool(self.broken) or self._inbound.has_more()

    def release(self) -> None:
        """End the association in order; what was sent is answered already, so nothing here matters any more."""
        if self.broken:
            return
        self.broken = "released"
        with contextlib.suppress(Disconnected, Silence, WireError):
            self._send(RELEASE_RQ)
            # Whatever comes is the end: of a peer that goes on talking nothing is wanted any more.
            self._inbound.header(_RELEASE_SECONDS)
        self._connection.close()

    def abort(self) -> None:
        """End the association at once."""
        if not self.broken:
            self._drop("aborted")

    def _time_out(self, what: str) -> NoReturn:
        self._break(f"{TIMED_OUT}, {what}", timed_out=True)

    def _break(self, why: str, timed_out: bool = False, released: bool = False) -> NoReturn:
        self._drop(why)
        raise ExchangeFailed(f"{self.address}: {why}", timed_out, released)

    def _drop(self, why: str) -> None:
        self.broken = why
        with contextlib.suppress(Disconnected, Silence):
            send(self._connection, [memoryview(encode_abort(0, by_user=True))], _ABORT_SECONDS)
        close_gently(self._connection, 0)

    def _last_words(self, fallback: str) -> str:
        """The connection broke while sending: the peer may have said why."""
        try:
            _, answer = self._messages.command()
            # The colon tells the comment, which is kept from who may not see patients.
            fallback += "; it had answered " + ": ".join(filter(None, (describe(answer.status), answer.comment)))
        except Aborted:
            return "association aborted by the node"
        except (Disconnected, Silence, WireError, ReleaseRequested):
            pass
        return f"connection lost while sending: {fallback}"

    def _propose(self, contexts: Sequence[Context]) -> tuple[Mapping[int, str], int]:
        address = self.address
        try:
            self._send(encode_request(address.calling_ae_title, address.called_ae_title, contexts, address.max_pdu))
            kind, length = self._inbound.header(address.acse_timeout)
            if length > LARGEST_ASSOCIATE_PDU:
                raise WireError(f"a PDU of {length} bytes as answer to A-ASSOCIATE-RQ")
            body = bytes(self._inbound.take(length))
            if kind == PDU_ASSOCIATE_AC:
                acceptance = decode_accept(body)
                return acceptance.transfer_syntaxes, acceptance.max_pdu
            if kind == PDU_ASSOCIATE_RJ and length == 4:
                raise _rejected(address, decode_reject(body))
            if kind == PDU_ABORT:
                raise AssociationFailed(FailureKind.ABORTED, f"{address} aborted the association request")
            raise WireError(f"PDU type {kind:02X} as answer to A-ASSOCIATE-RQ", UNEXPECTED_PDU)
        except Silence:
            raise AssociationFailed(
                FailureKind.TIMEOUT,
                f"{address} {TIMED_OUT}: it did not answer the association request within {address.acse_timeout:g} s",
            ) from None
        except Disconnected as error:
            raise AssociationFailed(
                FailureKind.ABORTED, f"{address} closed the connection during the association request: {error}"
            ) from None
        except WireError as error:
            raise AssociationFailed(FailureKind.ABORTED, f"{address} is no DICOM node: {error}") from None

    def _send(self, pdu: bytes) -> None:
        send(self._connection, [memoryview(pdu)], self.address.acse_timeout)


def _connect(address: NodeAddress) -> socket.socket:
    try:
        connection = socket.create_connection((address.host, address.port), timeout=address.connect_timeout)
    except TimeoutError:
        raise AssociationFailed(
            FailureKind.TIMEOUT, f"{address} {TIMED_OUT}: no connection within {address.connect_timeout:g} s"
        ) from None
    except (OSError, UnicodeError) as error:
        why = error.strerror or error if isinstance(error, OSError) else "that is no host name"
        raise AssociationFailed(FailureKind.NO_CONNECTION, f"{address}: no connection: {why}") from None
    no_delay(connection)
    if address.tls is None:
        return connection
    try:
        return handshake(connection, address.tls, address.acse_timeout, server_hostname=address.host)
    except TlsFailed as error:
        raise AssociationFailed(FailureKind.TLS, f"{address}: {error}") from None


def _rejected(address: NodeAddress, refusal: Refusal) -> AssociationFailed:
    kind = FailureKind.REJECTED_TRANSIENT if refusal.transient else FailureKind.REJECTED_PERMANENT
    how = "for now" if refusal.transient else "for good"
    text = f"{address} rejected the association {how}: {refusal.why}"
    return AssociationFailed(kind, text, refusal)

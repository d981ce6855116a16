"""The life of one accepted association: negotiate, answer C-ECHO, stream each C-STORE into the spool."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from routing.core.ae_title import IllegalAETitle, checked
from routing.dicom import command, status
from routing.dicom.associate import (
    ACCEPTANCE,
    APPLICATION_CONTEXT,
    LARGEST_ASSOCIATE_PDU,
    RELEASE_RP,
    UNKNOWN_CALLED,
    UNKNOWN_CALLER,
    AssociationRequest,
    Refusal,
    decode_request,
    encode_abort,
    encode_accept,
    encode_reject,
)
from routing.dicom.contexts import judge
from routing.dicom.incoming import IncomingStore, Reply, StorePorts
from routing.dicom.messages import Aborted, Messages, ReleaseRequested, TooLarge
from routing.dicom.wire import (
    PDU_ASSOCIATE_RQ,
    UNEXPECTED_PDU,
    Disconnected,
    Inbound,
    Silence,
    WireError,
    close_gently,
    do_nothing,
    send,
)

log = logging.getLogger("capacitor.dicom")

_ANSWER_SECONDS = 30
_LINGER_SECONDS = 1
_MOST_TOLD = 20
"""Different refusals of one association that are told one by one."""


class _Draining(Exception):
    """The service ends, and this association has nothing in hand."""


Admit = Callable[[AssociationRequest], Refusal | str | None]
"""
Why an association is rejected, else for whom it is accepted.

That goes with each of its images as it is, in file and row; None is nobody in particular.
"""


@dataclass(frozen=True, slots=True)
class AssociationLimits:
    """Sizes in bytes, times in seconds."""

    max_pdu: int
    acse_timeout: float
    network_timeout: float
    pdu_deadline: float
    max_object_bytes: int
    rejected_sop_classes: frozenset[str]


class AcceptedAssociation:
    """One connection from its first byte to its last; ``run`` is its thread."""

    def __init__(
        self,
        connection: socket.socket,
        peer_address: str,
        association_id: str,
        limits: AssociationLimits,
        admit: Admit,
        ports: StorePorts,
    ) -> None:
        self._connection = connection
        self._peer_address = peer_address
        self._id = association_id
        self._limits = limits
        self._admit = admit
        self._ports = ports
        self._inbound = Inbound(connection, limits.pdu_deadline)
        self._messages = Messages(self._inbound, limits.network_timeout)
        self._contexts: dict[int, tuple[str, str]] = {}
        self._accepted_for = ""
        self._stored_count = self._refused_count = 0
        self._told: set[Reply] = set()
        self._lock = threading.Lock()
        self._waiting = True
        self._draining = False

    def run(self) -> None:
        """Serve until the peer releases, aborts, breaks a rule or falls silent; then close the connection."""
        end = "ended"
        try:
            end = self._serve()
        except Aborted:
            end = "aborted by the peer"
        except _Draining:
            end = "aborted because the service ends"
            self._abort(0)
        except WireError as error:
            end = f"aborted: {error}"
            self._abort(error.reason)
        except Silence:
            end = "aborted: the peer fell silent"
            self._abort(0)
        except Disconnected as error:
            end = f"lost: {error}"
        except Exception:
            end = "aborted: unexpected error"
            log.exception("association %s from %s failed", self._id, self._peer_address)
            self._abort(0)
        finally:
            self._connection.close()
        log.info(
            "association %s from %s %s; %d stored, %d refused, %d bytes received",
            *(self._id, self._peer_address, end, self._stored_count, self._refused_count, self._inbound.received),
        )

    def drain(self) -> None:
        """End as soon as nothing is in hand: now when waiting, else after the message being received."""
        with self._lock:
            self._draining = True
            if self._waiting:
                # Wakes the receive.  SSLSocket.shutdown() would drop the TLS layer under the other thread.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._connection, socket.SHUT_RD)

    def kill(self) -> None:
        """End at once, whatever is in hand."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def _serve(self) -> str:
        request = self._receive_request()
        answer = _formal_refusal(request) or self._admit(request)
        # AE titles are shown by %r: a stranger may have put control characters there.
        titles = (request.calling_ae_title, request.called_ae_title)
        if isinstance(answer, Refusal):
            log.warning(
                "association %s from %s rejected: %s; calling %r, called %r",
                *(self._id, self._peer_address, answer.why, *titles),
            )
            self._answer(encode_reject(answer))
            close_gently(self._connection, _LINGER_SECONDS)
            return "closed"
        self._accepted_for = answer or ""
        self._accept(request)
        log.info(
            "association %s from %s accepted: calling %r, called %r, %d of %d contexts",
            *(self._id, self._peer_address, *titles, len(self._contexts), len(request.contexts)),
        )
        try:
            while True:
                self._wait()
                self._serve_one(request)
        except ReleaseRequested:
            self._answer(RELEASE_RP)
            close_gently(self._connection, _LINGER_SECONDS)
            return "released"

    def _receive_request(self) -> AssociationRequest:
        with self._drainable():
            kind, length = self._inbound.header(self._limits.acse_timeout)
            if kind != PDU_ASSOCIATE_RQ:
                raise WireError(f"PDU type {kind:02X} before an A-ASSOCIATE-RQ", UNEXPECTED_PDU)
            if length > LARGEST_ASSOCIATE_PDU:
                raise WireError(f"an A-ASSOCIATE-RQ of {length} bytes")
            return decode_request(bytes(self._inbound.take(length)), self._peer_address)

    def _accept(self, request: AssociationRequest) -> None:
        results = []
        for context in request.contexts:
            result, transfer_syntax_uid = judge(context, self._limits.rejected_sop_classes)
            results.append((context.context_id, result, transfer_syntax_uid))
            if result == ACCEPTANCE:
                self._contexts[context.context_id] = (context.abstract_syntax, transfer_syntax_uid)
        self._answer(encode_accept(request, results, self._limits.max_pdu))

    def _wait(self) -> None:
        """Wait for a message to begin: here, and nowhere else, a drain ends the association."""
        with self._drainable():
            self._messages.wait()

    @contextlib.contextmanager
    def _drainable(self) -> Iterator[None]:
        with self._lock:
            if self._draining:
                raise _Draining
            self._waiting = True
        try:
            yield
        except Disconnected:
            if self._draining:
                raise _Draining from None
            raise
        finally:
            with self._lock:
                self._waiting = False

    def _serve_one(self, association: AssociationRequest) -> None:
        context_id, request = self._messages.command()
        if context_id not in self._contexts:
            raise WireError(f"presentation context {context_id} was not accepted")
        if request.field == command.C_CANCEL_RQ:
            return
        if request.field & command.RESPONSE:
            raise WireError(f"a response (command field {request.field:04X}) that nobody asked for")
        if request.field == command.C_STORE_RQ:
            syntaxes = self._contexts[context_id]
            incoming = IncomingStore(self._ports, association, self._id, self._accepted_for, request, *syntaxes)
            reply = incoming.refuse()
            if reply is None:
                self._respond(association, context_id, request, self._receive(context_id, incoming))
                return
            incoming.note_refusal(reply)
        elif request.field == command.C_ECHO_RQ:
            reply = status.SUCCESS, ""
        else:
            reply = status.UNRECOGNIZED_OPERATION, "only C-STORE and C-ECHO are offered"
        # Before the data set has come: a peer that announced one and sends none would wait for ever.
        self._respond(association, context_id, request, reply)
        if request.has_dataset:
            for _ in self._messages.dataset(context_id, self._limits.max_object_bytes):
                pass

    def _receive(self, context_id: int, incoming: IncomingStore) -> Reply:
        self._inbound.before_reuse = incoming.flush
        try:
            incoming.begin()
            # What is a little too large hears so at its end; what has none is aborted.
            for piece in self._messages.dataset(context_id, 2 * self._limits.max_object_bytes):
                incoming.add(piece)
            reply = incoming.finish()
        except TooLarge as error:
            self._refused_count += 1
            log.warning("association %s is aborted: %s", self._id, error)
            incoming.note_abort()
            raise
        finally:
            self._inbound.before_reuse = do_nothing
            incoming.discard()
        if reply[0] == status.SUCCESS:
            self._stored_count += 1
        return reply

    def _respond(
        self, association: AssociationRequest, context_id: int, request: command.Command, reply: Reply
    ) -> None:
        answer, why = reply
        if answer != status.SUCCESS:
            self._refused_count += 1
            # Thousands of images that find no room are told once, and counted at the end.
            if reply not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add(reply)
                log.warning("association %s answered %s: %s", self._id, status.describe(answer), why)
        command_set = command.response(request, answer, why)
        self._answer(command.command_pdus(context_id, command_set, association.max_pdu))

    def _answer(self, pdu: bytes) -> None:
        send(self._connection, [memoryview(pdu)], _ANSWER_SECONDS, time.monotonic() + _ANSWER_SECONDS)

    def _abort(self, reason: int) -> None:
        with contextlib.suppress(Disconnected, Silence):
            self._answer(encode_abort(reason))
            close_gently(self._connection, _LINGER_SECONDS)


def _formal_refusal(request: AssociationRequest) -> Refusal | None:
    """What PS3.8 9.3.4 wants rejected whoever asks."""
    if not request.protocol_version & 1:
        return Refusal(2, 2, "protocol version not supported")
    if request.application_context != APPLICATION_CONTEXT:
        return Refusal(1, 2, "application context name not supported")
    try:
        checked(request.calling_ae_title)
    except IllegalAETitle as error:
        return Refusal(*UNKNOWN_CALLER, f"calling {error}")
    try:
        checked(request.called_ae_title)
    except IllegalAETitle as error:
        return Refusal(*UNKNOWN_CALLED, f"called {error}")
    return None

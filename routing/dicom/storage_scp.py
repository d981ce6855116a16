"""Storage and Verification SCP: listen, admit, give each association a thread, drain at the end."""

import contextlib
import errno
import logging
import secrets
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from routing.core.instance import ReceivedInstance, RefusedInstance
from routing.dicom.acceptor import AcceptedAssociation, Admit, AssociationLimits
from routing.dicom.associate import AssociationRequest, Refusal, encode_reject
from routing.dicom.incoming import StorePorts
from routing.dicom.tls import TlsFailed, handshake
from routing.dicom.wire import no_delay
from routing.spool.spool import Spool

log = logging.getLogger("capacitor.dicom")

LOCAL_LIMIT_EXCEEDED = Refusal(3, 2, "too many associations", transient=True)

# Threads that do nothing but reject politely; beyond them a rejection is sent without listening first.
_MOST_REJECTING = 64
_LAST_PORT = 65535
_BACKLOG = 128
_KILLED_SECONDS = 5
TURN = 5.0
"""Seconds in which the accepting thread turns at least once, also when nobody comes."""


class CannotListen(Exception):
    """The port cannot be bound; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class ScpConfig:
    """Sizes in bytes, times in seconds."""

    host: str = ""
    """Address to listen on; empty: all, IPv4 and IPv6."""
    port: int = 11112
    """0: any free one."""
    ae_title: str = "CAPACITOR"
    """For the log; who may call what is decided by ``admit``."""
    max_pdu: int = 128 * 1024
    acse_timeout: float = 5
    """From connect to A-ASSOCIATE-RQ; also for the TLS handshake."""
    network_timeout: float = 60
    """Without a PDU on an established association."""
    pdu_deadline: float = 10
    """From the first to the last byte of one PDU; beside it a large one gets the time that a slow line needs."""
    max_associations: int = 200
    max_associations_per_address: int = 100
    max_object_bytes: int = 4 << 30
    rejected_sop_classes: frozenset[str] = frozenset()
    checks: bool = True
    """Refuse data sets that are cut off or not what their command says."""
    tls: Callable[[], ssl.SSLContext] | None = None
    """Asked for each connection: certificates are renewed while the service runs."""
    reuse_port: bool = False
    """Let several listener processes share the port; the kernel spreads connections over them."""


class StorageScp:
    """
    Receive instances into a spool.

    ``admit`` decides each association, in its thread.  ``stored`` is called
    after a file is durable and before Success is answered: it has to be quick,
    and when it raises, the file is removed and the sender told to try again.
    ``refused`` hears of each instance that cannot be taken, before its sender does.
    ``has_room`` false refuses instances, not associations.  ``fatal`` is called
    when no more associations can be accepted; the process has to end then.
    ``turned`` is called at least every few seconds while they can (``TURN``).
    """

    def __init__(
        self,
        config: ScpConfig,
        *,
        admit: Admit,
        spool: Spool,
        new_id: Callable[[], int],
        stored: Callable[[ReceivedInstance], None],
        has_room: Callable[[], bool],
        fatal: Callable[[BaseException], None],
        refused: Callable[[RefusedInstance], None] = lambda _: None,
        turned: Callable[[], None] = lambda: None,
    ) -> None:
        self._config = config
        self._turned = turned
        self._admit = admit
        self._ports = StorePorts(spool, new_id, stored, has_room, refused, config.max_object_bytes, config.checks)
        self._fatal = fatal
        self._limits = AssociationLimits(
            max_pdu=config.max_pdu,
            acse_timeout=config.acse_timeout,
            network_timeout=config.network_timeout,
            pdu_deadline=config.pdu_deadline,
            max_object_bytes=config.max_object_bytes,
            rejected_sop_classes=config.rejected_sop_classes,
        )
        self._lock = threading.Lock()
        self._seats: dict[threading.Thread, _Seat] = {}
        self._stopping = threading.Event()

    @property
    def association_count(self) -> int:
        """Connections in hand, whether associated yet or not."""
        with self._lock:
            return len(self._seats)

    def start(self) -> int:
        """Begin to listen; the port.  CannotListen says why not."""
        self._listener = _listen(self._config)
        self._wake_reader, self._wake_writer = socket.socketpair()
        port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept_all, name="dicom-accept", daemon=True)
        self._accepting.start()
        where = self._config.host or "all addresses"
        log.info("%r listens on %s port %d", self._config.ae_title, where, port)
        return port

    def stop(self, drain_seconds: float = 20) -> None:
        """
        Stop listening, let each association finish the C-STORE in hand, then abort it.

        What has not finished after the time given is cut off: its sender got
        no Success and sends again.  A second call does nothing.
        """
        if self._stopping.is_set():
            return
        until = time.monotonic() + drain_seconds
        self._stopping.set()
        self._wake_writer.send(b"x")
        self._accepting.join()
        with self._lock:
            seats = dict(self._seats)
        for seat in seats.values():
            if seat.association is not None:
                seat.association.drain()
        for thread, seat in seats.items():
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                log.warning("association from %s cut off: not finished in %g s", seat.address, drain_seconds)
                if seat.association is not None:
                    seat.association.kill()
        for thread in seats:
            thread.join(_KILLED_SECONDS)
        self._wake_reader.close()
        self._wake_writer.close()

    def _accept_all(self) -> None:
        try:
            with self._listener, selectors.DefaultSelector() as selector:
                selector.register(self._listener, selectors.EVENT_READ)
                selector.register(self._wake_reader, selectors.EVENT_READ)
                while not self._stopping.is_set():
                    self._turned()
                    if selector.select(TURN):
                        self._accept_one()
        except BaseException as error:
            log.exception("no more associations can be accepted")
            self._fatal(error)

    def _accept_one(self) -> None:
        try:
            connection, address = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            # Another process was faster, or the peer is gone again.
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            log.error("cannot accept a connection: %s", error.strerror)
            # Full of descriptors: give the associations in hand a moment to end.
            self._stopping.wait(0.2)
            return
        self._begin(connection, address[0].removeprefix("::ffff:"))

    def _begin(self, connection: socket.socket, address: str) -> None:
        with self._lock:
            seats = [seat for seat in self._seats.values() if not seat.rejecting]
            full = (
                len(seats) >= self._config.max_associations
                or sum(seat.address == address for seat in seats) >= self._config.max_associations_per_address
            )
            polite = len(self._seats) - len(seats) < _MOST_REJECTING
            if polite or not full:
                seat = _Seat(connection, address, rejecting=full)
                thread = threading.Thread(target=self._run, args=(seat,), name="dicom", daemon=True)
                self._seats[thread] = seat
        if full and not polite:
            self._reject_unheard(connection, address)
            return
        try:
            thread.start()
        except RuntimeError as error:
            # The system gives no more threads: others must still be served when it does again.
            log.error("connection from %s refused: %s", address, error)
            connection.close()
            with self._lock:
                del self._seats[thread]

    def _run(self, seat: "_Seat") -> None:
        """One connection's thread."""
        try:
            connection = seat.connection
            no_delay(connection)
            if self._config.tls is not None:
                connection = handshake(connection, self._config.tls(), self._config.acse_timeout)
            seat.association = AcceptedAssociation(
                connection,
                seat.address,
                secrets.token_hex(8),
                self._limits,
                _reject_for_want_of_seats if seat.rejecting else self._admit,
                self._ports,
            )
            if self._stopping.is_set():
                seat.association.drain()
            seat.association.run()
        except TlsFailed as error:
            log.warning("connection from %s refused: %s", seat.address, error)
        except OSError as error:
            log.info("connection from %s lost: %s", seat.address, error)
        except Exception:
            log.exception("connection from %s failed", seat.address)
        finally:
            seat.connection.close()
            with self._lock:
                del self._seats[threading.current_thread()]

    def _reject_unheard(self, connection: socket.socket, address: str) -> None:
        """Reject without waiting for the request: too many are being waited for already."""
        log.warning("connection from %s rejected: %s", address, LOCAL_LIMIT_EXCEEDED.why)
        with connection, contextlib.suppress(OSError):
            connection.setblocking(False)
            if self._config.tls is None:
                connection.send(encode_reject(LOCAL_LIMIT_EXCEEDED))


@dataclass(slots=True)
class _Seat:
    """One connection in hand."""

    connection: socket.socket
    address: str
    rejecting: bool
    """Over the limits: it only gets its rejection."""
    association: AcceptedAssociation | None = None


def _reject_for_want_of_seats(_: AssociationRequest) -> Refusal:
    return LOCAL_LIMIT_EXCEEDED


def _listen(config: ScpConfig) -> socket.socket:
    nearest = min(max(config.port, 0), _LAST_PORT)
    if nearest != config.port:
        raise CannotListen(
            f"cannot listen on DICOM port {config.port}: ports are from 0 to {_LAST_PORT}; the nearest is {nearest}"
        )
    everywhere = config.host in ("", "::")
    dual_stack = everywhere and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual_stack or ":" in config.host else socket.AF_INET
    try:
        listener = socket.create_server(
            ("" if everywhere else config.host, config.port),
            family=family,
            backlog=_BACKLOG,
            reuse_port=config.reuse_port,
            dualstack_ipv6=dual_stack,
        )
    except OSError as error:
        why = {
            errno.EADDRINUSE: "another program listens there",
            errno.EACCES: "ports below 1024 need a privilege",
            errno.EADDRNOTAVAIL: "this machine does not have that address",
        }.get(error.errno or 0, str(error))
        place = "all addresses" if everywhere else config.host
        raise CannotListen(f"cannot listen on DICOM port {config.port} of {place}: {why}") from error
    # Other processes may share the port: the loser of the race for a connection must not block.
    listener.setblocking(False)
    return listener

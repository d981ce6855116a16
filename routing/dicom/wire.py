"""Bytes in and out of a socket: PDU by PDU in, each with a deadline, and gathered pieces out."""

import contextlib
import math
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

PDU_ASSOCIATE_RQ = 0x01
PDU_ASSOCIATE_AC = 0x02
PDU_ASSOCIATE_RJ = 0x03
PDU_DATA = 0x04
PDU_RELEASE_RQ = 0x05
PDU_RELEASE_RP = 0x06
PDU_ABORT = 0x07

PDU_HEADER = struct.Struct(">BxL")
"""Type, length of what follows (PS3.8 9.3.1)."""

LARGEST_DATA_PDU = 1 << 20
"""Bytes in one P-DATA PDU before the peer is taken for broken; what is announced is only advice."""

_BUFFER_BYTES = 256 * 1024
# Below this much room behind the unread bytes, a receive starts again at the front of the buffer.
_LEAST_ROOM = 64 * 1024
# IOV_MAX of Linux.
_PIECES_PER_CALL = 1024
_PIECES_PER_TLS_CALL = 4
# Pieces of a large file come into memory as they are sent: without a limit all of them at once.
_BYTES_PER_CALL = 2 << 20
_SHORT = 0.1
"""Seconds that are not worth dividing."""
# Linux only; elsewhere peers that leave Nagle's algorithm on are slow, as they are everywhere.
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class WireError(Exception):
    """The peer sent what PS3.8 does not allow; ``reason`` is that of the A-ABORT to send (PS3.8 9.3.8)."""

    def __init__(self, text: str, reason: int = 0) -> None:
        super().__init__(text)
        self.reason = reason


UNRECOGNIZED_PDU = 1
UNEXPECTED_PDU = 2
INVALID_PARAMETER = 6


class Disconnected(Exception):
    """The connection ended without the ceremony of a release or an abort."""


class Silence(Exception):
    """The peer did not go on in time."""


def no_delay(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Inbound:
    """
    The receiving side of one connection.

    Views that ``take`` and ``some`` hand out stay valid until ``before_reuse``
    is called: whoever keeps views has to use them up there.
    """

    def __init__(self, connection: socket.socket, pdu_seconds: float) -> None:
        """``pdu_seconds``: how long a PDU may take from its first byte to its last, a large one longer."""
        self.before_reuse: Callable[[], None] = do_nothing
        self.received = 0
        self._connection = connection
        self._pdu_seconds = pdu_seconds
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._start = 0
        self._end = 0
        self._until = 0.0
        self._silence = 0.0

    def header(self, idle_seconds: float, until: float = math.inf, slowest: float = math.inf) -> tuple[int, int]:
        """
        Wait for the next PDU; its type and the length of what follows.

        All of it has to come ``until`` then.  A large one gets the time beside that
        a line of ``slowest`` bytes a second needs for it, as long as it does not
        fall silent for ``idle_seconds``.
        """
        self._silence = idle_seconds
        if self._start == self._end:
            self._fill(min(time.monotonic() + idle_seconds, until))
        self._until = min(time.monotonic() + self._pdu_seconds, until)
        kind, length = PDU_HEADER.unpack(self.take(PDU_HEADER.size))
        self._until = min(self._until + length / slowest, until)
        return kind, length

    def take(self, count: int) -> memoryview:
        """Exactly this many bytes of the current PDU, at most the 256 KiB of the buffer."""
        if count > _BUFFER_BYTES:
            raise WireError(f"a piece of {count} bytes is larger than {_BUFFER_BYTES}", INVALID_PARAMETER)
        while self._end - self._start < count:
            self._fill(min(self._until, time.monotonic() + self._silence), count)
        self._start += count
        return self._buffer[self._start - count : self._start]

    def some(self, most: int) -> memoryview:
        """What is there of the current PDU: at least one byte, at most this many."""
        if self._start == self._end:
            self._fill(min(self._until, time.monotonic() + self._silence))
        count = min(most, self._end - self._start)
        self._start += count
        return self._buffer[self._start - count : self._start]

    def has_more(self) -> bool:
        """Whether something has come that nobody has taken yet, the end of the connection included."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return self._start != self._end or bool(poll.poll(0))

    def _fill(self, until: float, wanted: int = 1) -> None:
        if _BUFFER_BYTES - self._end < _LEAST_ROOM or self._start + wanted > _BUFFER_BYTES:
            self.before_reuse()
            rest = self._end - self._start
            self._buffer[:rest] = self._buffer[self._start : self._end]
            self._start, self._end = 0, rest
        try:
            if _QUICKACK is not None:
                # Linux forgets it.  A peer with Nagle's algorithm on, which is how DCMTK comes, otherwise
                # waits 40 ms for each delayed acknowledgement before it sends the rest of a message.
                self._connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            count = self._receive(until)
        except OSError as error:
            raise Disconnected(error.strerror or str(error)) from None
        if not count:
            raise Disconnected("the peer closed the connection")
        self._end += count
        self.received += count

    def _receive(self, until: float) -> int:
        """Bytes received, 0 at the end of the connection; Silence when none come until that moment."""
        enough = True
        while True:
            seconds = until - time.monotonic()
            if seconds <= 0:
                raise Silence
            timeout = self._connection.gettimeout()
            if not (enough and timeout) or timeout > seconds:
                # After a TLS handshake it does not wait at all.  Half of the time serves the next calls, too:
                # each change is a system call, at which another thread may take the interpreter.
                self._connection.settimeout(seconds / 2 if seconds > _SHORT else seconds)
            try:
                return self._connection.recv_into(self._buffer[self._end :])
            except TimeoutError:
                enough = False


def send(
    connection: socket.socket,
    pieces: Iterable[memoryview],
    stall_seconds: float,
    until: float | None = None,
) -> None:
    """
    Send pieces in order, gathered by the kernel and not copied here.

    ``stall_seconds``: how long the peer may take nothing at all; ``until``
    (monotonic) ends even what progresses.  TLS has no gathering call: there a
    few pieces at a time are joined.
    """
    secured = isinstance(connection, ssl.SSLSocket)
    source = iter(pieces)
    batch: list[memoryview] = []
    try:
        while batch := _gathered(source, _PIECES_PER_TLS_CALL if secured else _PIECES_PER_CALL):
            while batch:
                connection.settimeout(_allowed(stall_seconds, until))
                if secured:
                    connection.sendall(b"".join(batch))
                    batch.clear()
                else:
                    _advance(batch, connection.sendmsg(batch))
    except TimeoutError:
        raise Silence from None
    except OSError as error:
        raise Disconnected(error.strerror or str(error)) from None
    finally:
        # A traceback keeps this frame alive, and views would keep a memory map from being closed.
        batch.clear()


def _gathered(source: Iterator[memoryview], most: int) -> list[memoryview]:
    """The next pieces for one call; none at the end."""
    batch: list[memoryview] = []
    size = 0
    for piece in islice(source, most):
        batch.append(piece)
        size += len(piece)
        if size >= _BYTES_PER_CALL:
            break
    return batch


def _advance(batch: list[memoryview], sent: int) -> None:
    """Take what was sent off the front of a batch."""
    whole = 0
    while whole < len(batch) and sent >= len(batch[whole]):
        sent -= len(batch[whole])
        whole += 1
    del batch[:whole]
    if sent:
        batch[0] = batch[0][sent:]


def _allowed(stall_seconds: float, until: float | None) -> float:
    if until is None:
        return stall_seconds
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return min(stall_seconds, seconds)


def close_gently(connection: socket.socket, seconds: float) -> None:
    """
    Close so that the peer still reads the last PDU.

    Closing with unread bytes resets the connection, and a reset may overtake
    what was sent; so the peer gets a moment to close first (PS3.8 9.1.5, ARTIM).
    """
    until = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        # Not SSLSocket.shutdown(), which would forget the TLS layer and then read ciphertext.
        socket.socket.shutdown(connection, socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(65536):
                break
    connection.close()


def do_nothing() -> None:
    """Stand in where nobody has to be called."""

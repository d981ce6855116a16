"""Bytes in and out: nothing is lost, doubled or swapped, however the network cuts them."""

import contextlib
import random
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from routing.dicom import wire
from routing.dicom.messages import Messages
from routing.dicom.wire import PDU_HEADER, Disconnected, Inbound, Silence, WireError, close_gently, send
from tests.routing.dicom.peers import PATIENCE, pdata, pdv


def connected() -> tuple[socket.socket, socket.socket]:
    """Two ends of one TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        left = socket.create_connection(listener.getsockname())
        return left, listener.accept()[0]


@pytest.mark.parametrize("seed", range(6))
def test_pdus_of_any_size_arrive_whole_and_kept_views_stay_valid_until_reuse(seed: int) -> None:
    chance = random.Random(seed)
    bodies = [chance.randbytes(chance.choice([0, 3, 4000, 50_000, 131_072])) for _ in range(60)]
    left, right = connected()
    with left, right:
        stream = b"".join(PDU_HEADER.pack(4, len(body)) + body for body in bodies)
        sender = threading.Thread(target=left.sendall, args=(stream,))
        sender.start()
        inbound = Inbound(right, PATIENCE)
        kept: list[memoryview] = []
        together: list[bytes] = []

        def use() -> None:
            together.extend(map(bytes, kept))
            kept.clear()

        inbound.before_reuse = use
        for body in bodies:
            kind, left_over = inbound.header(PATIENCE)
            assert (kind, left_over) == (4, len(body))
            while left_over:
                exact = min(left_over, chance.randrange(1, 30_000))
                view = inbound.take(exact) if chance.random() < 0.5 else inbound.some(left_over)
                kept.append(view)
                left_over -= len(view)
        use()
        sender.join()
        assert b"".join(together) == b"".join(bodies)
        assert inbound.received == len(stream)


def test_a_piece_larger_than_the_buffer_is_an_error() -> None:
    left, right = connected()
    with left, right, pytest.raises(WireError):
        Inbound(right, PATIENCE).take(1 << 20)


def test_silence_before_and_inside_a_pdu_ends_the_wait() -> None:
    left, right = connected()
    with left, right:
        inbound = Inbound(right, pdu_seconds=0.05)
        with pytest.raises(Silence):
            inbound.header(0.05)
        left.sendall(b"\x04\0")
        with pytest.raises(Silence):
            inbound.header(PATIENCE)


@pytest.mark.parametrize(("after", "arrives"), [(9, True), (39, True), (41, False)])
def test_a_large_pdu_gets_the_time_that_a_slow_line_needs_and_no_more(
    monkeypatch: pytest.MonkeyPatch, after: float, arrives: bool
) -> None:
    """10 s, and 30 s for 60 000 bytes at 2 000 a second."""
    clock = [1000.0]  # sums and differences of whole seconds are exact
    monkeypatch.setattr(wire, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    left, right = connected()
    with left, right:
        messages = Messages(Inbound(right, pdu_seconds=10), idle_seconds=60)
        content = bytes(range(250)) * 240
        pdu = pdata(pdv(content[:-6], control=2))
        left.sendall(pdu[:1000])
        pieces = messages.dataset(1, len(content))
        received = bytes(next(pieces))
        clock[0] += after
        left.sendall(pdu[1000:])
        with contextlib.nullcontext() if arrives else pytest.raises(Silence):
            received += b"".join(map(bytes, pieces))
        assert (received == content[:-6]) is arrives


def test_who_vanishes_inside_a_large_pdu_is_noticed_as_soon_as_an_idle_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of 2 000 bytes a second would have needed 65 s more for the rest."""
    clock = [1000.0]  # sums and differences of whole seconds are exact
    monkeypatch.setattr(wire, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    left, right = connected()
    with left, right:
        inbound = Inbound(right, pdu_seconds=10)
        left.sendall(PDU_HEADER.pack(4, 130_000) + bytes(1000))
        assert inbound.header(60, slowest=2000) == (4, 130_000)
        assert len(inbound.some(1000)) == 1000

        def vanished(limit: float) -> int:
            """Nothing comes until the limit, which is the moment then."""
            clock[0] = limit
            raise Silence

        monkeypatch.setattr(inbound, "_receive", vanished)
        begun = clock[0]
        with pytest.raises(Silence):
            inbound.some(1000)
        assert clock[0] - begun == 60


def test_the_end_of_the_connection_is_told() -> None:
    left, right = connected()
    with right:
        left.close()
        with pytest.raises(Disconnected):
            Inbound(right, PATIENCE).header(PATIENCE)


@pytest.mark.parametrize("count", [1, 1023, 1024, 1025, 5000])
def test_pieces_of_any_number_arrive_in_order(count: int) -> None:
    pieces = [bytes([number % 256]) * (number % 1500) for number in range(count)]
    left, right = connected()
    with left, right:
        sender = threading.Thread(target=send, args=(left, map(memoryview, pieces), PATIENCE))
        sender.start()
        expected = b"".join(pieces)
        received = b""
        while len(received) < len(expected):
            received += right.recv(65536)
        sender.join()
        assert received == expected


def test_large_pieces_are_taken_from_their_source_a_few_mebibytes_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is handed over in one call has to be in memory at once, and a file is not until it is read."""
    calls: list[int] = []

    def sendmsg(_: socket.socket, pieces: list[memoryview]) -> int:
        calls.append(sum(map(len, pieces)))
        return calls[-1]

    monkeypatch.setattr(socket.socket, "sendmsg", sendmsg)
    mebibyte = memoryview(bytes(1 << 20))
    left, right = connected()
    with left, right:
        send(left, (mebibyte for _ in range(400)), PATIENCE)
        send(left, (mebibyte[:1] for _ in range(1000)), PATIENCE)
    assert calls.pop() == 1000, "small ones go together"
    assert sum(calls) == 400 << 20
    assert max(calls) <= 4 << 20


def test_sending_to_a_peer_that_takes_nothing_ends() -> None:
    left, right = connected()
    endless = [memoryview(bytes(1 << 20))] * 100
    with left, right:
        with pytest.raises(Silence):
            send(left, endless, stall_seconds=0.05)
        with pytest.raises(Silence):
            send(left, endless, PATIENCE, until=time.monotonic() + 0.05)


def test_the_last_pdu_is_read_even_when_bytes_were_left_unread_at_the_close() -> None:
    left, right = connected()
    with left:
        left.sendall(bytes(100_000))
        right.sendall(b"last words")
        closing = threading.Thread(target=close_gently, args=(right, PATIENCE))
        closing.start()
        received = b""
        while piece := left.recv(100):
            received += piece
        assert received == b"last words"
        left.close()
        closing.join(PATIENCE)
        assert right.fileno() == -1


class Scripted:
    """A connection that answers each receive as told: bytes, or None for a timeout."""

    def __init__(self, *answers: bytes | None, timeout: float | None = None) -> None:
        self.answers, self.timeout, self.set = list(answers), timeout, []  # type: ignore[var-annotated]

    def setsockopt(self, *_: int) -> None: ...

    def gettimeout(self) -> float | None:
        return self.timeout

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds
        self.set.append(round(seconds))

    def recv_into(self, view: memoryview) -> int:
        answer = self.answers.pop(0)
        if answer is None:
            raise TimeoutError
        view[: len(answer)] = answer
        return len(answer)


def test_the_socket_is_told_a_new_timeout_only_where_the_old_one_will_not_do() -> None:
    pdu = PDU_HEADER.pack(4, 2)
    connection = Scripted(pdu, b"ab", pdu + b"cd", None, None, pdu + b"ef", timeout=30)
    inbound = Inbound(connection, 10)  # type: ignore[arg-type]
    for expected in (b"ab", b"cd", b"ef"):
        assert inbound.header(60) == (4, 2)
        assert bytes(inbound.take(2)) == expected
    # Too long for a PDU's deadline; then enough, until nothing has come for so long, twice.
    assert connection.set == [5, 30, 30]


def test_a_socket_that_does_not_wait_is_told_to() -> None:
    connection = Scripted(PDU_HEADER.pack(4, 2), timeout=0.0)
    Inbound(connection, 10).header(60)  # type: ignore[arg-type]
    assert connection.set == [30]

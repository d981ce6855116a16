"""Whatever a stranger sends or does not send: nothing is stored, nothing is left, and others are served."""

import contextlib
import os
import random
import resource
import socket
import struct
import threading
from pathlib import Path

import pytest

from routing.dicom.associate import RELEASE_RQ, AssociationRequest, encode_abort, encode_request
from tests.routing.dicom.peers import (
    CT_IMAGE,
    EXPLICIT,
    PATIENCE,
    RawPeer,
    dataset,
    is_served,
    pdata,
    pdv,
    running_scp,
    store_command,
    wait_until_alone,
)

pytestmark = pytest.mark.integration

REQUEST = encode_request("RAW", "ANY", [(CT_IMAGE, (EXPLICIT,))], 16382)
TWO_CONTEXTS = encode_request("RAW", "ANY", [(CT_IMAGE, (EXPLICIT,)), ("1.2.3", (EXPLICIT,))], 16382)
HALF_A_STORE = store_command() + pdata(pdv(dataset()[:500]))


def spoilt(content: bytes, good: bytes, bad: bytes) -> bytes:
    assert content.count(good) == 1
    return content.replace(good, bad)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x01\0\0", marks=pytest.mark.fault(1)),
        pytest.param(REQUEST[: len(REQUEST) // 2], marks=pytest.mark.fault(2)),
        pytest.param(b"\x04\0\xff\xff\xff\xff" + bytes(10), marks=pytest.mark.fault(8)),
        b"",
    ],
)
def test_half_an_association_is_closed_at_the_deadline_and_others_are_served_meanwhile(
    tmp_path: Path, content: bytes
) -> None:
    limits = {"acse_timeout": 0.5, "pdu_deadline": 0.5}
    with running_scp(tmp_path, **limits) as scp:
        peers = [RawPeer(scp.port) for _ in range(12)]
        for peer in peers:
            peer.send(content)
        assert is_served(scp)
        for peer in peers:
            with peer:
                peer.abort_reason()
                assert peer.is_closed()
        wait_until_alone(scp)


@pytest.mark.fault(9)
@pytest.mark.fault(11)
@pytest.mark.fault(12)
@pytest.mark.fault(13)
@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">BxL", 1, 300_000_000),
        b"GET / HTTP/1.1\r\nHost: router\r\n\r\n",
        random.Random(1).randbytes(4096).replace(b"\x01", b"\x09"),
        pdata(pdv(b"x")),
        RELEASE_RQ,
        struct.pack(">BxL", 1, 4) + b"abcd",
        encode_request("RAW", "ANY", [], 16382),
        spoilt(TWO_CONTEXTS, b"\x03\0\0\0\x30", b"\x01\0\0\0\x30"),
        spoilt(REQUEST, b"\x01\0\0\0\x30", b"\x02\0\0\0\x30"),
        spoilt(REQUEST, b"\x01\0\0\0\x30", b"\x01\0\0\0\x31"),
        spoilt(REQUEST, b"\x30\0\0\x19", b"\x30\0\xff\x19"),
        spoilt(REQUEST, b"\x50\0\0", b"\x50\0\1"),
    ],
)
def test_what_is_no_association_request_is_aborted(tmp_path: Path, content: bytes) -> None:
    with running_scp(tmp_path) as scp:
        with RawPeer(scp.port) as peer:
            peer.send(content)
            peer.abort_reason()
            assert peer.is_closed()
        assert is_served(scp)
        wait_until_alone(scp)


@pytest.mark.fault(4)
def test_connecting_and_closing_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        for _ in range(500):
            socket.create_connection(("127.0.0.1", scp.port)).close()
        assert is_served(scp)
        wait_until_alone(scp)
        assert scp.fatal == []


@pytest.mark.fault(10)
@pytest.mark.fault(12)
@pytest.mark.fault(35)
@pytest.mark.parametrize(
    "content",
    [
        store_command(context_id=3),
        store_command() + pdata(pdv(dataset(), context_id=3, control=2)),
        pdata(pdv(dataset(), control=2)),
        store_command() + store_command(),
        HALF_A_STORE + store_command(),
        HALF_A_STORE + RELEASE_RQ,
        HALF_A_STORE + REQUEST,
        HALF_A_STORE + b"\x99\0\0\0\0\0",
        REQUEST,
        b"\x0a\0\0\0\0\0",
        store_command() + pdata(pdv(dataset(pixels=1 << 20), control=2)),
        store_command() + struct.pack(">BxLLBB", 4, 100, 200, 1, 2),
        store_command() + struct.pack(">BxLL", 4, 4, 0),
        store_command() + struct.pack(">BxLLBB", 4, 6, 1, 1, 2),
        pdata(pdv(b"\0\0\0\0\xff\xff\xff\xff", control=3)),
        pdata(pdv(b"garbage", control=3)),
        pdata(pdv(b"", control=3)),
        pdata(pdv(bytes(60_000), control=1), pdv(bytes(60_000), control=1)),
        store_command().replace(b"\0\x01\x02\0\0\0\x01\0", b"\0\x01\x02\0\0\0\x01\x80"),
        b"\x05\0\0\0\0\x09" + bytes(9),
    ],
)
def test_what_breaks_the_protocol_is_aborted_and_nothing_is_stored(tmp_path: Path, content: bytes) -> None:
    with running_scp(tmp_path) as scp:
        with RawPeer(scp.port) as peer:
            peer.associate()
            peer.send(content)
            peer.abort_reason()
            assert peer.is_closed()
        wait_until_alone(scp)
        assert scp.files() == []
        assert is_served(scp)


@pytest.mark.fault(36)
@pytest.mark.parametrize("ending", ["close", "reset", "abort"])
def test_an_end_inside_a_store_leaves_nothing(tmp_path: Path, ending: str) -> None:
    store = store_command() + pdata(pdv(dataset(pixels=9000)[:4000])) + pdata(pdv(dataset()[4000:], control=2))
    with running_scp(tmp_path) as scp:
        for length in range(1, len(store), 397):
            with RawPeer(scp.port) as peer:
                peer.associate()
                peer.send(store[:length])
                if ending == "abort" and length == len(store_command()):
                    peer.send(encode_abort(0))
                if ending == "reset":
                    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until_alone(scp)
        assert scp.files() == []


@pytest.mark.fault(6)
def test_a_silent_association_is_ended(tmp_path: Path) -> None:
    with running_scp(tmp_path, network_timeout=0.2) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        assert peer.abort_reason() == 0


@pytest.mark.fault(6)
def test_a_command_that_goes_on_without_end_is_ended(tmp_path: Path) -> None:
    ended, through = threading.Event(), threading.Event()
    with running_scp(tmp_path, network_timeout=0.3) as scp, RawPeer(scp.port) as peer:
        peer.associate()

        def dribble() -> None:
            with contextlib.suppress(OSError):
                for _ in range(5000):
                    if ended.wait(0.001):
                        return
                    peer.send(pdata(pdv(b"", control=1)))
                through.set()

        sending = threading.Thread(target=dribble)
        sending.start()
        try:
            assert peer.abort_reason() == 0
        finally:
            ended.set()
            sending.join()
    assert not through.is_set()


def test_a_data_set_that_does_not_go_on_is_ended_and_removed(tmp_path: Path) -> None:
    with running_scp(tmp_path, pdu_deadline=0.3, network_timeout=0.3) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(HALF_A_STORE)
        peer.abort_reason()
        wait_until_alone(scp)
        assert scp.files() == []


@pytest.mark.fault(34)
def test_a_data_set_without_end_is_aborted_at_twice_the_limit(tmp_path: Path) -> None:
    with running_scp(tmp_path, max_object_bytes=100_000) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), *[pdata(pdv(bytes(range(250)) * 40)) for _ in range(21)])
        peer.abort_reason()
        wait_until_alone(scp)
        assert scp.files() == []


def test_an_unexpected_error_ends_one_association_with_a_traceback_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    admitted = iter([RuntimeError("admit is broken"), None])

    def admit(_: AssociationRequest) -> None:
        if (error := next(admitted)) is not None:
            raise error

    with running_scp(tmp_path, admit=admit) as scp:
        with RawPeer(scp.port) as peer:
            peer.send(REQUEST)
            peer.abort_reason()
        assert is_served(scp)
    assert "RuntimeError: admit is broken" in caplog.text


@pytest.mark.fault(21)
def test_a_connection_that_gets_no_thread_is_closed_and_the_next_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with running_scp(tmp_path) as scp:
        with monkeypatch.context() as exhausted:
            exhausted.setattr(threading.Thread, "start", no_more)
            with RawPeer(scp.port) as peer:
                assert peer.is_closed()
        assert is_served(scp)
        wait_until_alone(scp)


def test_the_process_is_told_when_no_more_associations_can_be_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()
    with running_scp(tmp_path) as scp:
        scp.scp._fatal = lambda _: told.set()
        monkeypatch.setattr(scp.scp, "_accept_one", lambda: 1 / 0)
        socket.create_connection(("127.0.0.1", scp.port)).close()
        assert told.wait(PATIENCE)


@pytest.mark.fault(21)
def test_with_1100_files_open_peers_are_served(tmp_path: Path, seen) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1300:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1300), hard))
    files = [os.dup(0) for _ in range(1100)]
    try:
        with running_scp(tmp_path) as scp:
            assert is_served(scp)
            wait_until_alone(scp)
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    seen("with 1,100 files open a store is answered with Success: nothing here waits by select()")

"""A Storage SCP that stops finishes what it has in hand, and only that."""

import threading
from pathlib import Path

import pytest

from routing.core.instance import ReceivedInstance
from tests.routing.dicom.peers import PATIENCE, RawPeer, RunningScp, dataset, pdata, pdv, running_scp, store_command

pytestmark = pytest.mark.integration


def stopping(scp: RunningScp, seconds: float = PATIENCE) -> threading.Thread:
    """Begin to stop; back when no more is accepted and every association knows of it."""
    thread = threading.Thread(target=scp.scp.stop, args=(seconds,))
    thread.start()
    scp.scp._accepting.join(PATIENCE)
    while not all(seat.association and seat.association._draining for seat in list(scp.scp._seats.values())):
        pass
    return thread


def test_an_idle_association_is_aborted_at_once(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        thread = stopping(scp)
        peer.abort_reason()
        assert peer.is_closed()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_connection_that_said_nothing_yet_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running_scp(tmp_path, acse_timeout=PATIENCE) as scp, RawPeer(scp.port) as peer:
        thread = stopping(scp)
        thread.join(PATIENCE / 2)
        assert not thread.is_alive()
        peer.socket.close()


def test_a_store_in_hand_is_finished_and_acknowledged(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        content = dataset()
        peer.send(store_command(), pdata(pdv(content[:700])))
        while not scp.files():
            pass
        thread = stopping(scp)
        peer.send(pdata(pdv(content[700:], control=2)))
        assert peer.response().status == 0
        peer.abort_reason()
        thread.join(PATIENCE)
        assert scp.dataset(scp.next()) == content


def test_a_store_that_does_not_come_to_an_end_is_cut_off_and_leaves_nothing(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(dataset()[:700])))
        while not scp.files():
            pass
        thread = stopping(scp, seconds=0.1)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert scp.files() == []


def test_a_durable_file_is_acknowledged_even_when_the_end_comes_just_then(tmp_path: Path) -> None:
    threads: list[threading.Thread] = []

    def stored(_: ReceivedInstance) -> None:
        threads.append(stopping(scp))

    with running_scp(tmp_path, stored=stored) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        assert peer.response().status == 0
        threads[0].join(PATIENCE)

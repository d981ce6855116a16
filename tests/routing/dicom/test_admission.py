"""Who is let in: refusals carry their reason, and nobody can take all places."""

import logging
from pathlib import Path

import pytest

from routing.dicom.associate import RELEASE_RQ, AssociationRequest, Refusal, encode_request
from tests.routing.dicom.peers import (
    CT_IMAGE,
    EXPLICIT,
    RawPeer,
    is_served,
    running_scp,
    wait_until_alone,
)

pytestmark = pytest.mark.integration

REQUEST = encode_request("RAW", "ANY", [(CT_IMAGE, (EXPLICIT,))], 16382)


@pytest.mark.fault(15)
def test_refusals_go_out_with_their_source_and_reason_and_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[AssociationRequest] = []

    def admit(request: AssociationRequest) -> Refusal:
        asked.append(request)
        return Refusal(1, 3, "unknown sender")

    with running_scp(tmp_path, admit=admit) as scp, RawPeer(scp.port) as peer, caplog.at_level(logging.INFO):
        peer.send(REQUEST)
        assert peer.receive() == (3, bytes((0, 1, 1, 3)))
        peer.socket.close()
        wait_until_alone(scp)
    assert [(each.calling_ae_title, each.called_ae_title, each.peer_address) for each in asked] == [
        ("RAW", "ANY", "127.0.0.1")
    ]
    assert "rejected: unknown sender; calling 'RAW', called 'ANY'" in caplog.text


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("title", "replacement"),
    [
        (b"RAW".ljust(16), b" " * 16),
        (b"RAW".ljust(16), b"A\0B".ljust(16)),
        (b"RAW".ljust(16), b"\x1b[31mA\nB".ljust(16)),
        (b"RAW".ljust(16), b"K\xf6ln".ljust(16)),
        (b"ANY".ljust(16), b"A\\B".ljust(16)),
    ],
)
def test_titles_that_are_none_are_rejected_unasked_and_logged_escaped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, title: bytes, replacement: bytes
) -> None:
    def admit(_: AssociationRequest) -> Refusal | None:
        raise AssertionError("asked")

    with running_scp(tmp_path, admit=admit) as scp, RawPeer(scp.port) as peer, caplog.at_level(logging.DEBUG):
        peer.send(REQUEST.replace(title, replacement))
        reason = 7 if title.startswith(b"ANY") else 3
        assert peer.receive() == (3, bytes((0, 1, 1, reason)))
        peer.socket.close()
        wait_until_alone(scp)
    assert "rejected" in caplog.text
    assert not [each for each in caplog.messages if not each.isprintable()]


def test_another_application_context_is_rejected(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.send(REQUEST.replace(b"1.2.840.10008.3.1.1.1", b"1.2.840.10008.3.1.1.2"))
        assert peer.receive() == (3, bytes((0, 1, 1, 2)))


@pytest.mark.fault(5)
def test_one_address_cannot_take_all_places_and_hears_so(tmp_path: Path) -> None:
    with running_scp(tmp_path, max_associations_per_address=3) as scp:
        greedy = [RawPeer(scp.port, "127.0.0.2") for _ in range(3)]
        for peer in greedy:
            peer.associate()
        with RawPeer(scp.port, "127.0.0.2") as late:
            late.send(REQUEST)
            assert late.receive() == (3, bytes((0, 2, 3, 2)))
        assert is_served(scp, "127.0.0.1")
        for peer in greedy:
            peer.socket.close()


@pytest.mark.fault(6)
def test_when_all_places_are_taken_everybody_hears_so_and_the_next_is_served_after_one_leaves(tmp_path: Path) -> None:
    with running_scp(tmp_path, max_associations=2) as scp:
        first, second = RawPeer(scp.port), RawPeer(scp.port, "127.0.0.2")
        for peer in (first, second):
            peer.associate()
        with RawPeer(scp.port, "127.0.0.3") as late:
            late.send(REQUEST)
            assert late.receive() == (3, bytes((0, 2, 3, 2)))
        first.send(RELEASE_RQ)
        assert first.receive()[0] == 6
        first.socket.close()
        second.socket.close()
        wait_until_alone(scp)
        assert is_served(scp)


@pytest.mark.fault(6)
def test_even_a_crowd_beyond_all_limits_gets_an_answer(tmp_path: Path) -> None:
    with running_scp(tmp_path, max_associations=1) as scp:
        crowd = [RawPeer(scp.port) for _ in range(100)]
        for peer in crowd[70:]:
            assert peer.receive() == (3, bytes((0, 2, 3, 2)))
        for peer in crowd:
            peer.socket.close()
        wait_until_alone(scp)

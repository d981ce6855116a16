"""C-ECHO tells people whether a node answers, and why not."""

from pathlib import Path

import pytest

from routing.dicom import command
from routing.dicom.associate import Refusal
from routing.dicom.contexts import common
from routing.dicom.verification import echo
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.dicom.peers import CT_IMAGE, EXPLICIT, IMPLICIT, MR_IMAGE, address, running_scp

pytestmark = pytest.mark.integration


def test_a_node_that_answers_is_well(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        result = echo(address(scp.port))
    assert result.ok
    assert result.latency_ms > 0
    assert result.message.endswith("answered 0x0000 (Success)")


def test_a_refusal_is_told(tmp_path: Path) -> None:
    with running_scp(tmp_path, admit=lambda _: Refusal(1, 3, "")) as scp:
        result = echo(address(scp.port))
    assert not result.ok
    assert "calling AE title not recognized" in result.message


def test_a_node_without_verification_is_told() -> None:
    def node(peer: ScriptedNode) -> None:
        peer.accept(accepted=lambda _: False)
        peer.answer_release()

    with scripted_node(node) as port:
        result = echo(address(port))
    assert not result.ok
    assert "accepts the association but not C-ECHO" in result.message


def test_a_node_that_answers_with_a_failure_is_not_well() -> None:
    def node(peer: ScriptedNode) -> None:
        peer.accept()
        _, body = peer.receive()
        peer.respond(command.decode(body[6:]), 0x0122)
        peer.answer_release()

    with scripted_node(node) as port:
        result = echo(address(port))
    assert not result.ok
    assert "0x0122 (Failure: Refused: SOP Class Not Supported)" in result.message


def test_a_node_that_says_nothing_is_given_up() -> None:
    def node(peer: ScriptedNode) -> None:
        peer.accept()
        peer.receive()
        peer.receive()

    with scripted_node(node) as port:
        result = echo(address(port, response_timeout=0.2))
    assert not result.ok
    assert "no answer after" in result.message


def test_the_contexts_that_a_node_accepts_are_told(tmp_path: Path) -> None:
    with running_scp(tmp_path, rejected_sop_classes=frozenset({CT_IMAGE})) as scp:
        result = echo(address(scp.port), common())
    assert result.ok
    assert result.accepted is not None
    assert CT_IMAGE not in result.accepted
    assert result.accepted[MR_IMAGE][:2] == (EXPLICIT, IMPLICIT)
    assert len(result.accepted) == 17


def test_without_an_association_nothing_is_known_of_contexts(tmp_path: Path) -> None:
    with running_scp(tmp_path, admit=lambda _: Refusal(1, 3, "")) as scp:
        assert echo(address(scp.port), common()).accepted is None

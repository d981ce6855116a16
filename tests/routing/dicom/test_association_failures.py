"""Why an association could not be opened is told by kind and in words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from routing.core.ae_title import IllegalAETitle
from routing.dicom.associate import Refusal, encode_abort, encode_reject
from routing.dicom.association_failures import AssociationFailed, FailureKind
from routing.dicom.storage_scu import StorageAssociation
from tests.ports import free_port
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.dicom.peers import (
    CT_IMAGE,
    EXPLICIT,
    address,
    dataset,
    outgoing,
    running_scp,
)

pytestmark = pytest.mark.integration

CT = [(CT_IMAGE, (EXPLICIT,))]


@pytest.mark.parametrize(
    ("script", "kind", "why"),
    [
        (
            lambda node: node.send(encode_reject(Refusal(1, 7, ""))),
            FailureKind.REJECTED_PERMANENT,
            "rejected the association for good: called AE title not recognized",
        ),
        (
            lambda node: node.send(encode_reject(Refusal(3, 2, "", transient=True))),
            FailureKind.REJECTED_TRANSIENT,
            "rejected the association for now: local limit exceeded",
        ),
        (
            lambda node: node.send(encode_reject(Refusal(9, 9, ""))),
            FailureKind.REJECTED_PERMANENT,
            "source 9, reason 9",
        ),
        (lambda node: node.send(encode_abort(0)), FailureKind.ABORTED, "aborted the association request"),
        (lambda node: None, FailureKind.ABORTED, "closed the connection"),
        (lambda node: node.send(b"220 smtp ready\r\n"), FailureKind.ABORTED, "is no DICOM node"),
        (lambda node: node.send(b"\x02\0\0\0\0\x04abcd"), FailureKind.ABORTED, "is no DICOM node"),
        (lambda node: node.socket.recv(1), FailureKind.TIMEOUT, "did not answer the association request within 0.3 s"),
    ],
)
def test_why_there_is_no_association_is_told_in_words(
    script: Callable[[ScriptedNode], None], kind: FailureKind, why: str
) -> None:
    def node(peer: ScriptedNode) -> None:
        peer.receive()
        script(peer)

    with scripted_node(node) as port:
        with pytest.raises(AssociationFailed, match=why) as failure:
            StorageAssociation.open(address(port, acse_timeout=0.3), CT)
        assert f"ANY at 127.0.0.1 port {port}" in str(failure.value)
    assert failure.value.kind is kind


def test_no_connection_is_told_with_host_and_port() -> None:
    port = free_port()
    with pytest.raises(AssociationFailed, match=f"port {port}: no connection: Connection refused") as failure:
        StorageAssociation.open(address(port), CT)
    assert failure.value.kind is FailureKind.NO_CONNECTION


@pytest.mark.parametrize("host", ["no-such-host.invalid", "pacs..invalid", f"{'p' * 64}.invalid"])
def test_a_host_that_does_not_exist_is_no_connection(host: str) -> None:
    with pytest.raises(AssociationFailed, match="no connection") as failure:
        StorageAssociation.open(address(104, host=host), CT)
    assert failure.value.kind is FailureKind.NO_CONNECTION


@pytest.mark.parametrize("title", ["", "SEVENTEEN-LETTERS", "K\u00d6LN", "A\\B"])
def test_an_illegal_ae_title_is_an_error_before_anything_is_sent(tmp_path: Path, title: str) -> None:
    with running_scp(tmp_path) as scp, pytest.raises(IllegalAETitle):
        StorageAssociation.open(address(scp.port, called_ae_title=title), CT)


def test_a_sop_class_that_is_no_uid_is_declined_and_the_others_are_sent(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp:
        association = StorageAssociation.open(address(scp.port), [("K\u00f6ln" * 30, (EXPLICIT,)), *CT])
        assert association.send(outgoing(dataset(), sop_class="K\u00f6ln" * 30)).refused_context
        assert association.send(outgoing(dataset())).status == 0
        association.release()


@pytest.mark.parametrize("count", [0, 129])
def test_an_association_needs_1_to_128_contexts(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} presentation contexts"):
        StorageAssociation.open(address(104), [(f"1.2.{number}", (EXPLICIT,)) for number in range(count)])

"""The Storage SCU delivers bytes as they are and never takes for delivered what is not certainly delivered."""

import contextlib
import mmap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import CTImageStorage

from routing.core.instance import OutgoingInstance, SendResult
from routing.dicom import command
from routing.dicom.associate import RELEASE_RQ, encode_abort
from routing.dicom.status import Answer, meaning_of
from routing.dicom.storage_scu import StorageAssociation
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.dicom.peers import (
    CT_IMAGE,
    EXPLICIT,
    IMPLICIT,
    MR_IMAGE,
    PATIENCE,
    address,
    dataset,
    outgoing,
    pdata,
    pdv,
    running_scp,
)

pytestmark = pytest.mark.integration

CT = [(CT_IMAGE, (EXPLICIT,))]


def sent_to(script: Callable[[ScriptedNode], None], content: bytes = dataset(), **limits: float) -> SendResult:
    """What one store gives when the node behaves like this after it has accepted the association."""

    def accepting(node: ScriptedNode) -> None:
        node.accept()
        script(node)

    with scripted_node(accepting) as port:
        association = StorageAssociation.open(address(port, **limits), CT)
        result = association.send(outgoing(content))
        association.release()
        if result.error:
            assert association.broken
            again = association.send(outgoing(content))
            assert again.status is None and again.error
    return result


@pytest.mark.parametrize("max_pdu", [0, 32, 1000, 16384, 4 << 20])
def test_the_data_set_arrives_as_it_is_in_pdus_that_the_node_takes(max_pdu: int) -> None:
    content = dataset(pixels=3000 if max_pdu == 32 else 600_000)
    lengths: list[int] = []
    received: list[bytes] = []

    def node(peer: ScriptedNode) -> None:
        peer.accept(max_pdu)
        receive = peer.receive

        def measured() -> tuple[int, bytes]:
            kind, body = receive()
            lengths.append(len(body))
            return kind, body

        peer.receive = measured  # type: ignore[method-assign]
        request, whole = peer.receive_store()
        received.append(whole)
        peer.respond(request)
        peer.answer_release()

    with scripted_node(node) as port:
        association = StorageAssociation.open(address(port), CT)
        result = association.send(outgoing(content))
        association.release()
    assert max(lengths) <= (max_pdu or 1 << 20)
    assert (result.status, result.bytes_sent, received) == (0, len(content), [content])


def test_an_independent_toolkit_gets_every_byte() -> None:
    received: list[tuple[bytes, str, int]] = []

    def store(event: evt.Event) -> int:
        received.append(
            (event.request.DataSet.getvalue(), event.request.AffectedSOPInstanceUID, event.request.Priority)
        )
        return 0x0000

    ae = AE()
    ae.add_supported_context(CTImageStorage, EXPLICIT)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        association = StorageAssociation.open(address(server.server_address[1]), [(CT_IMAGE, (IMPLICIT,)), *CT])
        assert association.accepts(CT_IMAGE, EXPLICIT)
        assert not association.accepts(CT_IMAGE, IMPLICIT)
        contents = [dataset(f"1.2.{number}", pixels=40_000) for number in range(3)]
        for number, content in enumerate(contents):
            assert association.send(outgoing(content, f"1.2.{number}"), priority=1).status == 0
        association.release()
    finally:
        server.shutdown()
    assert received == [(content, f"1.2.{number}", 1) for number, content in enumerate(contents)]


def test_the_status_and_the_comment_come_through() -> None:
    def script(node: ScriptedNode) -> None:
        node.respond(node.receive_store()[0], 0xB000, "coerced")
        node.answer_release()

    result = sent_to(script)
    assert (result.status, result.comment, result.error) == (0xB000, "coerced", "")
    assert result.started_at <= result.ended_at


def test_a_context_that_was_not_accepted_is_a_refusal_and_the_association_stands(tmp_path: Path) -> None:
    with running_scp(tmp_path, rejected_sop_classes=frozenset({MR_IMAGE})) as scp:
        association = StorageAssociation.open(address(scp.port), [(MR_IMAGE, (EXPLICIT,)), *CT])
        refused = association.send(outgoing(dataset(), sop_class=MR_IMAGE))
        assert refused.refused_context
        assert f"does not accept SOP class {MR_IMAGE} in transfer syntax {EXPLICIT}" in refused.error
        assert association.send(outgoing(dataset())).status == 0
        association.release()


def answer_early(node: ScriptedNode) -> None:
    _, body = node.receive()
    node.respond(command.decode(body[6:]), 0xA700, "full")
    node.answer_release()


def test_an_answer_that_comes_before_the_data_set_has_ended_counts() -> None:
    assert sent_to(answer_early, dataset(pixels=900_000)).status == 0xA700


def respond_as(**changes: Any) -> Callable[[ScriptedNode], None]:
    def script(node: ScriptedNode) -> None:
        request, _ = node.receive_store()
        node.respond(replace(request, **changes))

    return script


@pytest.mark.fault(101)
@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param(respond_as(message_id=77), "answered message 77 instead of 1", marks=pytest.mark.fault(103)),
        pytest.param(
            respond_as(sop_instance_uid="9.9.9"), "answered for another SOP instance", marks=pytest.mark.fault(103)
        ),
        (respond_as(field=0x30), "answered with command field 8030"),
        (lambda node: node.respond(node.receive_store()[0], context_id=3), "answered in presentation context 3"),
        (lambda node: node.respond(node.receive_store()[0], 0xFF00), "answered Pending"),
        (lambda node: node.send(node.receive_store()[1][:0], encode_abort(0)), "association aborted by the node"),
        (lambda node: node.send(node.receive_store()[1][:0], RELEASE_RQ), "released the association"),
        (lambda node: node.send(node.receive_store()[1][:0], b"HTTP/1.1 400 Bad Request"), "breaks the protocol"),
        (lambda node: node.send(node.receive_store()[1][:0], pdata(pdv(b"zz", control=3))), "breaks the protocol"),
        (lambda node: node.send(node.receive_store()[1][:0], pdata(pdv(b"data"))), "breaks the protocol"),
        (lambda node: node.receive_store(), "connection lost before the answer"),
        (lambda node: node.send(encode_abort(0)), "aborted by the node"),
    ],
)
def test_what_is_not_a_valid_answer_is_an_unknown_outcome(script: Callable[[ScriptedNode], None], why: str) -> None:
    result = sent_to(script)
    assert result.status is None
    assert why in result.error
    assert "ANY at 127.0.0.1 port" in result.error
    assert meaning_of(result) is Answer.DEFERRED


def wait_for_the_end(node: ScriptedNode) -> None:
    node.receive_store()
    with contextlib.suppress(Exception):
        node.receive()


def read_nothing(ended: threading.Event) -> Callable[[ScriptedNode], None]:
    def script(_: ScriptedNode) -> None:
        ended.wait(PATIENCE)

    return script


@pytest.mark.fault(101)
def test_a_node_that_never_answers_is_given_up() -> None:
    assert "no answer after" in sent_to(wait_for_the_end, response_timeout=0.2).error


@pytest.mark.fault(101)
@pytest.mark.parametrize(("limits", "deadline"), [({"response_timeout": 0.3}, None), ({}, 0.3)])
@pytest.mark.parametrize(
    "drops",
    [
        [pdata(pdv(b"", control=1))] * 5000,
        [pdata()] * 5000,
        [pdata(pdv(bytes(5000), control=1))[:12], *[b"\0"] * 5000],
    ],
    ids=["empty fragments", "empty PDUs", "single bytes"],
)
def test_a_node_whose_answer_never_ends_is_given_up(
    drops: list[bytes], limits: dict[str, float], deadline: float | None
) -> None:
    ended = threading.Event()

    def node(peer: ScriptedNode) -> None:
        peer.accept()
        request, _ = peer.receive_store()
        for drop in drops:
            if ended.wait(0.001):
                return
            peer.send(drop)
        peer.respond(request)

    with scripted_node(node) as port:
        association = StorageAssociation.open(address(port, **limits), CT)
        result = association.send(outgoing(dataset()), deadline_seconds=deadline)
        ended.set()
        association.abort()
    assert "no answer after" in result.error


@pytest.mark.fault(101)
def test_a_node_that_stops_reading_is_given_up_and_its_memory_map_can_be_closed(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    maps: list[mmap.mmap] = []

    @contextlib.contextmanager
    def opened() -> Iterator[list[memoryview]]:
        with path.open("rb") as file:
            maps.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        with maps[0], memoryview(maps[0]) as view:
            yield [view]

    ended = threading.Event()

    def node(peer: ScriptedNode) -> None:
        peer.accept()
        read_nothing(ended)(peer)

    with scripted_node(node) as port:
        association = StorageAssociation.open(address(port, stall_seconds=0.2), CT)
        instance = OutgoingInstance(1, CT_IMAGE, "1.2.3", EXPLICIT, opened)
        result = association.send(instance)
        ended.set()
    assert "took no byte for 0.2 s" in result.error
    assert maps[0].closed


def test_a_deadline_ends_even_what_progresses() -> None:
    ended = threading.Event()

    def trickle(node: ScriptedNode) -> None:
        node.accept()
        while not ended.wait(0.001):
            node.socket.recv(1000)

    content = dataset(pixels=50_000_000)
    with scripted_node(trickle) as port:
        association = StorageAssociation.open(address(port, stall_seconds=PATIENCE), CT)
        result = association.send(outgoing(content), deadline_seconds=0.3)
        ended.set()
    assert "not sent before the deadline" in result.error


@pytest.mark.fault(104)
def test_a_node_that_does_not_answer_the_release_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.dicom.requestor._RELEASE_SECONDS", 0.1)

    def script(node: ScriptedNode) -> None:
        node.respond(node.receive_store()[0])
        node.receive()
        node.socket.recv(1)

    assert sent_to(script).status == 0


@pytest.mark.fault(104)
def test_a_node_that_goes_on_talking_after_the_release_is_not_listened_to() -> None:
    cut_short: list[bool] = []

    def script(node: ScriptedNode) -> None:
        node.respond(node.receive_store()[0])
        node.receive()
        cut_short.append(True)
        for _ in range(400):
            node.send(pdata(pdv(bytes(50_000))))
        cut_short.append(False)

    assert sent_to(script).status == 0
    assert cut_short == [True]

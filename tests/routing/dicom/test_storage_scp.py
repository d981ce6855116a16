"""The Storage SCP stores what it is sent, byte for byte, says Success only then, and says at once what is wrong."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import UID

from routing.core.identifiers import created_at
from routing.core.instance import ReceivedInstance
from routing.dicom import command
from routing.dicom.storage_scp import CannotListen
from routing.dicom.storage_scu import StorageAssociation
from scripts_app.core.dataset.file_meta import read_file_meta
from tests.routing.dicom.peers import (
    CT_IMAGE,
    EXPLICIT,
    IMPLICIT,
    PATIENCE,
    VERIFICATION,
    RawPeer,
    address,
    as_sent,
    bundled_instances,
    dataset,
    pdata,
    pdv,
    running_scp,
    store_command,
)

pytestmark = pytest.mark.integration


@pytest.mark.fault(44)
def test_every_bundled_instance_is_stored_byte_for_byte(tmp_path: Path) -> None:
    with running_scp(tmp_path, checks=False) as scp:
        for name, instance in bundled_instances().items():
            context = (instance.sop_class_uid, (instance.transfer_syntax_uid,))
            association = StorageAssociation.open(address(scp.port), [context])
            result = association.send(instance)
            association.release()
            assert result.status == 0, (name, result)
            stored = scp.next()
            assert scp.dataset(stored) == as_sent(instance), name
            assert stored.transfer_syntax_uid == instance.transfer_syntax_uid


def test_the_file_tells_everything_that_its_queue_row_needs(tmp_path: Path) -> None:
    with running_scp(tmp_path, admit=lambda _: "7@there") as scp, RawPeer(scp.port) as peer:
        before = datetime.now(UTC)
        peer.associate(calling="MODALITY")
        peer.send(store_command("1.2.3.4"), pdata(pdv(dataset("1.2.3.4"), control=2)))
        assert peer.response().status == 0
        stored = scp.next()
    path = scp.spool.path(stored.id)
    meta = read_file_meta(path.read_bytes())
    assert meta.private == {
        "id": stored.id,
        "calling": "MODALITY",
        "called": "ANY",
        "peer": "127.0.0.1",
        "association": stored.association_id,
        "received": stored.received_at.isoformat(),
        "accepted_for": stored.accepted_for,
    }
    assert (meta.dataset_offset, path.stat().st_size) == (stored.dataset_offset, stored.size)
    assert stored.accepted_for == "7@there"
    assert before <= stored.received_at <= datetime.now(UTC)
    assert created_at(stored.id).date() == stored.received_at.date()
    read = dcmread(path)
    assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID == UID("1.2.3.4")
    assert read.file_meta.MediaStorageSOPClassUID == CT_IMAGE


def test_success_is_said_only_when_the_file_is_durable_and_handed_on(tmp_path: Path) -> None:
    found: list[bool] = []

    def stored(instance: ReceivedInstance) -> None:
        found.append(scp.spool.path(instance.id).exists())
        peer.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.socket.recv(1)

    with running_scp(tmp_path, stored=stored) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        assert peer.response().status == 0
    assert found == [True]


@pytest.mark.parametrize("fragment", [2, 64, 1000, 16376])
def test_fragments_of_any_size_make_one_data_set(tmp_path: Path, fragment: int) -> None:
    content = dataset(pixels=20_000)
    pieces = [content[at : at + fragment] for at in range(0, len(content), fragment)]
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), *(pdata(pdv(piece)) for piece in pieces), pdata(pdv(b"", control=2)))
        assert peer.response().status == 0
        assert scp.dataset(scp.next()) == content


def test_several_and_empty_fragments_may_share_a_pdu_even_with_the_command(tmp_path: Path) -> None:
    content = dataset()
    request = command.store_request(1, CT_IMAGE, "1.2.3", 0)
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(
            pdata(pdv(request[:30], control=1), pdv(b"", control=1), pdv(request[30:], control=3), pdv(b"")),
            pdata(),
            pdata(pdv(content[:100]), pdv(b""), pdv(content[100:], control=2)),
        )
        assert peer.response().status == 0
        assert scp.dataset(scp.next()) == content


def test_segments_of_one_byte_are_put_together(tmp_path: Path) -> None:
    content = dataset(pixels=100)
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        for byte in store_command() + pdata(pdv(content, control=2)):
            peer.send(bytes([byte]))
        assert peer.response().status == 0
        assert scp.dataset(scp.next()) == content


def test_stores_sent_without_waiting_are_answered_in_order(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        contents = {f"1.2.{number}": dataset(f"1.2.{number}", pixels=300_000) for number in range(5)}
        for number, (instance, content) in enumerate(contents.items()):
            peer.send(store_command(instance, message_id=number), pdata(pdv(content, control=2)))
        for number, (instance, content) in enumerate(contents.items()):
            answer = peer.response()
            assert (answer.message_id, answer.sop_instance_uid, answer.status) == (number, instance, 0)
            stored = scp.next()
            assert (stored.sop_instance_uid, scp.dataset(stored)) == (instance, content)


def test_the_same_instance_twice_is_stored_twice(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        for _ in range(2):
            peer.send(store_command(), pdata(pdv(dataset(), control=2)))
            assert peer.response().status == 0
        assert scp.next().id < scp.next().id
        assert len(scp.files()) == 2


def test_an_echo_is_answered_between_stores(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate((VERIFICATION, (IMPLICIT,)), (CT_IMAGE, (EXPLICIT,)))
        peer.send(store_command(context_id=3), pdata(pdv(dataset(), context_id=3, control=2)))
        peer.send(pdata(pdv(command.echo_request(2, VERIFICATION), control=3)))
        assert [peer.response().field for _ in range(2)] == [0x8001, 0x8030]


def test_a_cancel_is_passed_over(tmp_path: Path) -> None:
    cancel = command.echo_request(9, "").replace(b"\0\x01\x02\0\0\0\x30\0", b"\0\x01\x02\0\0\0\xff\x0f")
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(pdata(pdv(cancel, control=3)), store_command(), pdata(pdv(dataset(), control=2)))
        assert peer.response().field == 0x8001


def test_a_number_that_is_taken_is_not_used_again(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        numbers = iter([7, 7, 7, 8])
        object.__setattr__(scp.scp._ports, "new_id", lambda: next(numbers))
        peer.associate()
        for content in (dataset(pixels=256), dataset(pixels=512)):
            peer.send(store_command(), pdata(pdv(content, control=2)))
            assert peer.response().status == 0
            assert scp.dataset(scp.next()) == content
    assert sorted(scp.files()) == ["7.dcm", "8.dcm"]


def test_answers_respect_the_smallest_pdu_that_a_peer_takes(tmp_path: Path) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate(max_pdu=64)
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        command_set, control = b"", 0
        while not control & 2:
            _, body = peer.receive()
            assert len(body) <= 64
            control = body[5]
            command_set += body[6:]
        assert command.decode(command_set).status == 0


@pytest.mark.fault(22)
def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        why = f"DICOM port {port} of 127.0.0.1: another program listens there"
        with pytest.raises(CannotListen, match=why), running_scp(tmp_path, port=port):
            pass


@pytest.mark.parametrize(("port", "nearest"), [(65536, 65535), (-1, 0)])
def test_a_port_that_there_cannot_be_is_named(tmp_path: Path, port: int, nearest: int) -> None:
    why = f"cannot listen on DICOM port {port}: ports are from 0 to 65535; the nearest is {nearest}"
    with pytest.raises(CannotListen, match=why), running_scp(tmp_path, port=port):
        pass


def test_several_listeners_may_share_a_port_when_told_to(tmp_path: Path) -> None:
    with (
        running_scp(tmp_path / "a", reuse_port=True) as first,
        running_scp(tmp_path / "b", reuse_port=True, port=first.port) as second,
    ):
        for _ in range(20):
            with RawPeer(first.port) as peer:
                peer.associate()
                peer.send(store_command(), pdata(pdv(dataset(), control=2)))
                assert peer.response().status == 0
        assert len(first.files()) + len(second.files()) == 20


@pytest.mark.parametrize("everywhere", ["", "::"])
def test_all_addresses_means_ipv4_as_ipv4(tmp_path: Path, everywhere: str) -> None:
    with running_scp(tmp_path, host=everywhere) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        assert scp.stored.get(timeout=PATIENCE).peer_address == "127.0.0.1"

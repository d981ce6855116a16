"""What the Storage SCP cannot take it refuses with a status that says why, and keeps nothing of it."""

import errno
import logging
import os
from pathlib import Path

import pytest

from routing.core.instance import ReceivedInstance
from routing.dicom import command
from tests.acceptance.router import until
from tests.routing.dicom.peers import (
    CT_IMAGE,
    MR_IMAGE,
    PATIENCE,
    RawPeer,
    dataset,
    pdata,
    pdv,
    running_scp,
    store_command,
)

pytestmark = pytest.mark.integration


@pytest.mark.fault(23)
@pytest.mark.fault(24)
@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("instance", "sop_class", "status"),
    [
        ("", CT_IMAGE, 0x0117),
        ("../../etc/passwd", CT_IMAGE, 0x0117),
        ("1.2\n\x1b[31m", CT_IMAGE, 0x0117),
        ("1." * 40 + "1", CT_IMAGE, 0x0117),
        ("1.2.3", "", 0xA900),
        ("1.2.3", "/abs/1", 0xA900),
        ("1.2.3", MR_IMAGE, 0x0122),
    ],
)
def test_a_bad_command_is_answered_before_any_data_set_and_nothing_is_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, instance: str, sop_class: str, status: int
) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer, caplog.at_level(logging.DEBUG):
        peer.associate()
        peer.send(store_command(instance, sop_class))
        assert peer.response().status == status
        peer.send(pdata(pdv(dataset(), control=2)))
        peer.send(store_command("1.9"), pdata(pdv(dataset("1.9"), control=2)))
        assert peer.response().status == 0
        assert scp.next().sop_instance_uid == "1.9"
    assert len(scp.files()) == 1
    assert not [each for each in caplog.messages if not each.isprintable()]


@pytest.mark.fault(28)
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\x08\0", "begins with group 0008"),
        (bytes(128) + b"DICM" + bytes(100), "a whole DICOM file"),
        (b"\x02\0\x10\0UI\x04\x001.2\0", "begins with group 0002"),
        (b"\0\0\0\0\x04\0\0\0\0\0\0\0", "begins with group 0000"),
    ],
)
def test_what_cannot_be_a_data_set_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(content, control=2)))
        answer = peer.response()
        assert answer.status == 0xC000
        assert why in answer.comment
    assert scp.files() == []


@pytest.mark.fault(28)
def test_a_command_that_announces_no_data_set_is_refused(tmp_path: Path) -> None:
    request = command.store_request(1, CT_IMAGE, "1.2.3", 0).replace(
        b"\0\0\0\x08\x02\0\0\0\x01\0", b"\0\0\0\x08\x02\0\0\0\x01\x01"
    )
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(pdata(pdv(request, control=3)))
        assert peer.response().status == 0xC000


def test_other_services_are_answered_as_unknown_and_the_association_goes_on(tmp_path: Path) -> None:
    find = command.store_request(9, CT_IMAGE, "1.2.3", 0).replace(b"\0\x01\x02\0\0\0\x01\0", b"\0\x01\x02\0\0\0\x20\0")
    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(pdata(pdv(find, control=3)), pdata(pdv(b"identifier", control=2)))
        answer = peer.response()
        assert (answer.field, answer.message_id, answer.status) == (0x8020, 9, 0x0211)
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        assert peer.response().status == 0


def test_without_room_the_data_set_is_read_and_refused_until_there_is_room(tmp_path: Path) -> None:
    room = iter([False, True])
    with running_scp(tmp_path, has_room=lambda: next(room)) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        for status in (0xA700, 0x0000):
            peer.send(store_command(), pdata(pdv(dataset(), control=2)))
            assert peer.response().status == status
    assert len(scp.files()) == 1


def test_the_same_refusal_of_many_images_is_told_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_scp(tmp_path, has_room=lambda: False) as scp, caplog.at_level(logging.INFO):
        with RawPeer(scp.port) as peer:
            peer.associate()
            for _ in range(30):
                peer.send(store_command(), pdata(pdv(dataset(), control=2)))
                assert peer.response().status == 0xA700
            peer.send(store_command("../1"), pdata(pdv(dataset(), control=2)))
            assert peer.response().status == 0x0117
        until(lambda: "refused," in caplog.text, PATIENCE, "the association's end is told")
    told = [line for line in caplog.messages if " answered " in line]
    assert [("0xA700" in line, "0x0117" in line) for line in told] == [(True, False), (False, True)]
    assert "0 stored, 31 refused, " in caplog.text


@pytest.mark.parametrize("call", ["open", "writev", "rename"])
def test_a_failing_disk_is_answered_out_of_resources_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    real = getattr(os, call)

    def fail(*args: object, **more: object) -> object:
        if call == "open" and not str(args[0]).endswith(".part"):
            return real(*args, **more)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with running_scp(tmp_path) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        with monkeypatch.context() as full:
            full.setattr(os, call, fail)
            peer.send(store_command(), pdata(pdv(dataset(pixels=900_000), control=2)))
            answer = peer.response()
        assert (answer.status, answer.comment) == (0xA700, "cannot store: No space left on device")
        assert scp.files() == []
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        assert peer.response().status == 0


def test_what_cannot_be_queued_is_not_kept_and_not_acknowledged(tmp_path: Path) -> None:
    def stored(_: ReceivedInstance) -> None:
        raise RuntimeError("no database")

    with running_scp(tmp_path, stored=stored) as scp, RawPeer(scp.port) as peer:
        peer.associate()
        peer.send(store_command(), pdata(pdv(dataset(), control=2)))
        assert peer.response().status == 0xA700
    assert scp.files() == []

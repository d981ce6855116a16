"""Command sets and P-DATA: read and written as an independent toolkit does."""

import struct
from io import BytesIO

import pytest
from pydicom import Dataset
from pynetdicom.dimse_messages import C_ECHO_RQ, C_STORE_RQ, C_STORE_RSP
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu import P_DATA_TF

from routing.dicom import command
from routing.dicom.wire import WireError


def by_toolkit(command_set: bytes) -> Dataset:
    return decode(BytesIO(command_set), is_implicit_vr=True, is_little_endian=True)


def toolkit_store() -> C_STORE:
    primitive = C_STORE()
    primitive.MessageID, primitive.Priority = 300, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    primitive.DataSet = BytesIO(b"x")
    return primitive


def encoded_by_toolkit(message: object, primitive: object) -> bytes:
    message.primitive_to_message(primitive)  # type: ignore[attr-defined]
    content = encode(message.command_set, is_implicit_vr=True, is_little_endian=True)  # type: ignore[attr-defined]
    assert content is not None
    return content


def test_a_store_request_is_that_of_the_toolkit() -> None:
    ours = by_toolkit(command.store_request(300, "1.2.840.10008.5.1.4.1.1.2", "1.2.3", 2))
    theirs = by_toolkit(encoded_by_toolkit(C_STORE_RQ(), toolkit_store()))
    for element in theirs:
        if element.keyword != "CommandDataSetType":
            assert ours[element.tag].value == element.value, element
    assert ours.CommandDataSetType != 0x0101


def test_an_echo_request_is_that_of_the_toolkit() -> None:
    primitive = C_ECHO()
    primitive.MessageID, primitive.AffectedSOPClassUID = 9, "1.2.840.10008.1.1"
    assert command.echo_request(9, "1.2.840.10008.1.1") == encoded_by_toolkit(C_ECHO_RQ(), primitive)


def test_a_toolkits_response_is_understood() -> None:
    primitive = C_STORE()
    primitive.MessageIDBeingRespondedTo, primitive.Status = 300, 0xA700
    primitive.ErrorComment = "full"  # type: ignore[assignment]
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = "1.2.3", "1.2.3.4"
    read = command.decode(encoded_by_toolkit(C_STORE_RSP(), primitive))
    assert read == command.Command(0x8001, 300, "1.2.3", "1.2.3.4", False, 0xA700, "full")


def test_a_comment_cannot_forge_a_line_in_a_log() -> None:
    spoilt = command.response(command.decode(command.echo_request(1, "1.2")), 0xC000, "full\n\x1b[31m")
    assert command.decode(spoilt).comment == "full??[31m"


def test_of_a_comment_without_end_only_the_beginning_is_kept() -> None:
    """A command set may have 64 KB, and item, history and attempt keep the comment of each try."""
    comment = struct.pack("<HHL", 0x0000, 0x0902, 60_000) + b"disk full: ".ljust(60_000, b"x")
    heard = command.decode(command.echo_request(1, "1.2") + comment).comment
    assert heard == "disk full: ".ljust(500, "x")


def test_a_response_repeats_the_request_and_cuts_the_comment() -> None:
    request = command.decode(command.store_request(300, "1.2.3", "1.2.3.4", 0))
    assert request.has_dataset
    told = by_toolkit(command.response(request, 0xC000, "why " * 30))
    assert (told.CommandField, told.MessageIDBeingRespondedTo, told.Status) == (0x8001, 300, 0xC000)
    assert (told.AffectedSOPClassUID, told.AffectedSOPInstanceUID) == ("1.2.3", "1.2.3.4")
    assert len(told.ErrorComment) <= 64
    assert told.CommandGroupLength == len(command.response(request, 0xC000, "why " * 30)) - 12


@pytest.mark.parametrize("max_pdu", [0, 33, 128, 16384])
@pytest.mark.parametrize("length", [0, 2, 26, 122, 5000])
def test_a_toolkit_puts_a_data_set_together_again(max_pdu: int, length: int) -> None:
    content = bytes(number % 251 for number in range(length))
    slices = [memoryview(content)[:7], memoryview(b""), memoryview(content)[7:20], memoryview(content)[20:]]
    stream = b"".join(command.dataset_pdus(5, slices, max_pdu))
    together, controls = b"", []
    while stream:
        end = 6 + int.from_bytes(stream[2:6], "big")
        assert not max_pdu or end - 6 <= max_pdu
        pdu = P_DATA_TF()
        pdu.decode(stream[:end])
        stream = stream[end:]
        for item in pdu.presentation_data_value_items:
            assert item.presentation_context_id == 5
            controls.append(item.presentation_data_value[0])
            together += item.presentation_data_value[1:]
    assert together == content
    assert controls == [0] * (len(controls) - 1) + [2]


@pytest.mark.parametrize(
    "command_set",
    [b"", b"abc", b"\x08\0\x16\0\0\0\0\0", b"\0\0\0\x01\x02\0\0\0\x01", b"\0\0\0\x01\x02\0\0\0\x01\0"],
)
def test_what_is_no_command_set_is_a_wire_error(command_set: bytes) -> None:
    with pytest.raises(WireError):
        command.decode(command_set)

import contextlib
import io
import struct

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_app.core.dataset.file_meta import NotPart10, encode_file_meta, file_meta_of, read_file_meta
from tests.scripts_app.core.dataset.builders import DEFLATED, EXPLICIT, element, part10

PRIVATE = {"id": 17, "calling": "CT1", "received": "2026-01-02T03:04:05Z"}


def test_what_is_written_is_read_again():
    written = encode_file_meta(
        "1.2", "1.2.3", EXPLICIT, calling_ae_title="CT1", called_ae_title="PACS", private=PRIVATE
    )
    meta = read_file_meta(written + element(0x00080060, "CS", "CT"))
    assert (meta.media_storage_sop_class_uid, meta.media_storage_sop_instance_uid) == ("1.2", "1.2.3")
    assert meta.transfer_syntax_uid == EXPLICIT
    assert (meta.sending_ae_title, meta.receiving_ae_title) == ("CT1", "PACS")
    assert meta.private == PRIVATE
    assert meta.dataset_offset == len(written)


def test_other_software_reads_it_too():
    written = encode_file_meta("1.2", "1.2.3", EXPLICIT, called_ae_title="PACS", private=PRIVATE)
    meta = pydicom.dcmread(io.BytesIO(written)).file_meta
    assert meta.FileMetaInformationGroupLength == len(written) - 128 - 4 - 12
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.ReceivingApplicationEntityTitle == "PACS"
    assert b'"id":17' in meta.PrivateInformation


@pytest.mark.parametrize("uid", ["", "../../etc/passwd", "x" * 70, "1.2.3é"])
def test_odd_uids_come_out_as_they_came_in(uid):
    assert read_file_meta(encode_file_meta("1", uid, EXPLICIT)).media_storage_sop_instance_uid == uid


def test_endless_uids_and_titles_are_cut():
    written = encode_file_meta("1" * 100_000, "2" * 100_000, EXPLICIT, calling_ae_title="A" * 100_000)
    assert len(written) < 1000
    assert read_file_meta(written).dataset_offset == len(written)


def test_private_information_of_others_is_not_taken_for_ours():
    foreign = element(0x00020100, "UI", "1.2.3") + element(0x00020102, "OB", b'{"id":1}')
    assert read_file_meta(part10() + foreign).private is None


def test_a_wrong_group_length_does_not_matter():
    good = encode_file_meta("1.2", "1.2.3", EXPLICIT)
    wrong = good[:140] + struct.pack("<I", 7) + good[144:]
    assert read_file_meta(wrong) == read_file_meta(good)


def test_deflated_bytes_that_look_like_group_2_are_data_set():
    meta = encode_file_meta("1.2", "1.2.3", DEFLATED)
    assert read_file_meta(meta + b"\x02\x00\x99\x00CS\x00\x00").dataset_offset == len(meta)


@pytest.mark.parametrize("content", [b"", b"DICM", bytes(128) + b"DICX", bytes(132), bytes(128) + b"DICM"])
def test_files_without_file_meta_are_named_so(content):
    with pytest.raises(NotPart10):
        read_file_meta(content)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_damage_never_ends_in_another_error(at, byte):
    written = bytearray(encode_file_meta("1.2", "1.2.3", EXPLICIT, private=PRIVATE))
    written[at % len(written)] = byte
    for content in (bytes(written), bytes(written[:at])):
        with contextlib.suppress(NotPart10):
            read_file_meta(content)


@pytest.mark.parametrize("longest", [10, 20_000, 600_000])
def test_the_group_of_a_file_is_read_however_long_it_is(tmp_path, longest):
    path = tmp_path / "file.dcm"
    whole = encode_file_meta("1.2", "1.2.3", EXPLICIT, private={"x": "y" * longest})
    path.write_bytes(whole + element(0x00080060, "CS", "CT"))
    assert file_meta_of(path) == read_file_meta(path.read_bytes())
    assert file_meta_of(path).dataset_offset == len(whole)
    path.write_bytes(whole)
    assert file_meta_of(path).dataset_offset == len(whole)


def test_a_group_without_end_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "file.dcm"
    path.write_bytes(encode_file_meta("1.2", "1.2.3", EXPLICIT, private={"x": "y" * (2 << 20)}))
    with pytest.raises(NotPart10):
        file_meta_of(path)

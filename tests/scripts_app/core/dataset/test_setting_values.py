import math
import struct

import pytest

from scripts_app.core.dataset import edits
from scripts_app.core.dataset.document import DatasetError
from tests.scripts_app.core.dataset.builders import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    SYNTAXES,
    ct,
    document,
    edited_bytes,
    element,
)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "path, value, read",
    [
        ("PatientName", "Roe^Richard", "Roe^Richard"),
        ("PatientName", "", ""),
        ("SOPInstanceUID", "1.2.345", "1.2.345"),
        ("InstanceNumber", 7, "7"),
        ("InstanceNumber", 7.0, "7"),
        ("InstanceNumber", "-7", "-7"),
        ("SliceThickness", 1.25, "1.25"),
        ("SliceThickness", 1 / 3, "0.33333333333333"),
        ("SliceThickness", 5.0, "5"),
        ("PixelSpacing", [0.5, 0.25], "0.5\\0.25"),
        ("ImageType", ["ORIGINAL", "PRIMARY"], "ORIGINAL\\PRIMARY"),
        ("ImageType", "ORIGINAL\\PRIMARY", "ORIGINAL\\PRIMARY"),
        ("Rows", 512, "512"),
        ("Rows", 512.0, "512"),
        ("TagAngleSecondAxis", -3, "-3"),
        ("SimpleFrameList", [1, 4294967295], "1\\4294967295"),
        ("RecommendedDisplayFrameRateInFloat", 29.97, "29.97"),
        ("RealWorldValueSlope", 0.1, "0.1"),
        ("RealWorldValueSlope", "1e-3", "0.001"),
        ("FrameIncrementPointer", ["0018,1063", "FrameTime"], "0018,1063\\0018,1063"),
        ("PatientAge", "042Y", "042Y"),
        ("StudyDate", "20240229", "20240229"),
        ("StudyTime", "235960.123456", "235960.123456"),
        ("StudyTime", "07", "07"),
        ("AcquisitionDateTime", "20240229123000.5+0100", "20240229123000.5+0100"),
        ("ImageComments", "one\\two\nthree", "one\\two\nthree"),
        ("RetrieveURL", "https://a/b?c", "https://a/b?c"),
        ("DateOfSecondaryCapture", "", ""),
    ],
)
def test_a_value_that_is_set_is_read_back(tmp_path, syntax, path, value, read):
    root = ct(tmp_path, syntax).root
    record = root.set(path, value)
    assert root.get(path) == read
    assert record.new == read


@pytest.mark.fault(68, "42 values that an element cannot have, pixel data among them")
@pytest.mark.parametrize(
    "path, value, words",
    [
        ("InstanceNumber", "abc", "'abc' is not a value of IS"),
        ("InstanceNumber", 2**31, "2147483647"),
        ("InstanceNumber", 1.5, "nearest is '2'"),
        ("SliceThickness", "1,5", "not a value of DS"),
        ("SliceThickness", math.nan, "nan is not a value of DS"),
        ("SliceThickness", "1.23456789012345678", "at most 16 characters; nearest is '1.23456789012346'"),
        ("StudyDate", "2026-13-01", "not a value of DA, YYYYMMDD"),
        ("StudyDate", "2024-01-19", "nearest is '20240119'"),
        ("StudyDate", "20230229", "a day of the calendar"),
        ("StudyTime", "25", "not a value of TM"),
        ("StudyTime", "12:30:45", "nearest is '123045'"),
        ("AcquisitionDateTime", "20230230", "not a value of DT"),
        ("PatientAge", "42", "nearest is '042Y'"),
        ("Modality", "ct", "nearest is 'CT'"),
        ("Modality", "SEVENTEEN_LETTERS", "at most 16"),
        ("StudyInstanceUID", "x", "not a value of UI"),
        ("StudyInstanceUID", "1.02", "without leading zeros"),
        ("StudyInstanceUID", "1." * 32 + "1", "at most 64"),
        ("RetrieveAETitle", "SEVENTEEN LETTERS", "at most 16 characters"),
        ("RetrieveURL", "https://a b", "nearest is 'https://a%20b'"),
        ("Rows", -1, "'-1' is not a value of US, whole numbers from 0 to 65535"),
        ("Rows", 70000, "from 0 to 65535"),
        ("Rows", "many", "not a value of US"),
        ("FrameIncrementPointer", "FrameTim", "nearest is 'FrameTime'"),
        ("PatientName", "a\x00b", "control character"),
        ("PatientID", "a\nb", "control character"),
        ("PatientID", None, "use Remove"),
        ("BurnedInAnnotation", True, "such as 'YES', not true"),
        ("PatientID", {"a": 1}, "not a table"),
        ("ImageType", ["A\\B"], "cannot hold a backslash"),
        ("ImageComments", ["a", "b"], "one value only"),
        ("ReferencedImageSequence", "x", "is a sequence"),
        ("PixelData", "x", "can remove it, not set it"),
        ("PatientID", "x" * 70_000, "65534 at most"),
        ("PatientName", "x" * 10_000_000, "65534 at most"),
        ("0002,0010", "1.2", "file meta information"),
        ("0000,0002", "1.2", "not part of a data set"),
        ("FFFE,E000", "1.2", "not part of a data set"),
        ("0008,0000", 1, "group length"),
        ("0009,1001", "x", "private element cannot be created"),
        ("0009,0010", "x", "private element cannot be created"),
        ("0008,FFFF", "x", "not in the DICOM data dictionary"),
        ("0008,1140[1]", "x", "ends at a sequence item"),
    ],
)
def test_a_bad_value_is_refused_in_words_and_nothing_changes(tmp_path, path, value, words):
    doc = ct(tmp_path)
    before = edited_bytes(doc)
    with pytest.raises(DatasetError) as error:
        doc.root.set(path, value)
    assert words in str(error.value)
    assert edited_bytes(doc) == before


@pytest.mark.parametrize("value", ["\\", "1\\", "1_0", "\u0663", ["1", ""], ["1", "2_0"]])
@pytest.mark.parametrize("path", ["Rows", "SimpleFrameList", "RealWorldValueSlope", "FrameIncrementPointer"])
def test_a_number_or_a_tag_is_what_dicom_takes_for_one(tmp_path, path, value):
    """Python reads 1_0 as 10; and the dictionary's elements without keyword made a tag of the empty word."""
    with pytest.raises(DatasetError, match=f"[0-9A-F,]{{9}} {path}: '.*' is (not a value of|no keyword)"):
        ct(tmp_path).root.set(path, value)


def test_text_longer_than_its_vr_is_taken_with_a_note(tmp_path):
    root = ct(tmp_path).root
    assert root.set("StationName", "CT Room 1 - Main Building").note == "25 characters, SH allows 16"
    assert root.get("StationName") == "CT Room 1 - Main Building"
    assert root.set("StationName", "CT Room 1").note == ""
    assert root.set("PatientName", "X" * 64 + "=" + "Y" * 64).note == ""
    assert root.set("PatientName", "X" * 65).note == "65 characters, PN allows 64"


def test_long_values_go_where_lengths_are_long(tmp_path):
    assert ct(tmp_path, IMPLICIT).root.set("PatientID", "x" * 70_000).old == "P1"
    assert ct(tmp_path).root.set("0040,A160", "x" * 70_000).old is None


@pytest.mark.parametrize(
    "path, value, written",
    [
        ("PatientID", "ABC", b"ABC "),
        ("StudyInstanceUID", "1.2", b"1.2\0"),
        ("Rows", [1], b"\1\0"),
    ],
)
def test_odd_values_are_padded_as_their_vr_wants(tmp_path, path, value, written):
    doc = document(tmp_path)
    doc.root.set(path, value)
    assert edited_bytes(doc).endswith(written)


@pytest.mark.parametrize("syntax, written", [(EXPLICIT, b"\0\2"), (BIG, b"\2\0")])
def test_numbers_are_written_in_the_order_of_the_file(tmp_path, syntax, written):
    doc = document(tmp_path, syntax=syntax)
    doc.root.set("Rows", 512)
    assert edited_bytes(doc).endswith(written)


@pytest.mark.parametrize("signed, written", [(0, "65535"), (1, "-1")])
def test_pixel_representation_decides_between_us_and_ss(tmp_path, signed, written):
    doc = document(
        tmp_path,
        element(0x00280103, "US", struct.pack("<H", signed), IMPLICIT),
        element(0x00280120, "US", b"\xff\xff", IMPLICIT),
        syntax=IMPLICIT,
    )
    assert doc.root.get("PixelPaddingValue") == written
    doc.root.set("SmallestImagePixelValue", int(written))
    assert edited_bytes(doc).count(b"\xff\xff") == 2


def test_the_vr_of_the_file_is_kept(tmp_path):
    doc = document(tmp_path, element(0x00181063, "FD", struct.pack("<d", 1.5)))
    assert doc.root.get("FrameTime") == "1.5"
    doc.root.set("FrameTime", 2.5)
    assert edited_bytes(doc) == element(0x00181063, "FD", struct.pack("<d", 2.5))


def test_un_of_a_known_element_is_read_and_written_as_the_dictionary_says(tmp_path):
    doc = document(tmp_path, element(0x00100010, "UN", b"Doe^J "), element(0x00280010, "UN", b"\0\2"))
    assert doc.root.get("PatientName") == "Doe^J"
    assert doc.root.get("Rows") == "512"
    doc.root.set("PatientName", "Roe^J")
    assert edited_bytes(doc).startswith(element(0x00100010, "PN", "Roe^J"))


def test_private_elements_that_are_there_can_be_read_changed_and_removed(tmp_path):
    elements = [
        element(0x00090010, "LO", "ACME"),
        element(0x00091001, "LO", "before"),
        element(0x00091002, "UN", b"text"),
        element(0x00091003, "UN", b"\x00\x01\xff\xfe"),
    ]
    doc = document(tmp_path, *elements)
    assert doc.root.get("0009,1001") == "before"
    assert doc.root.get("00091002") == "text"
    with pytest.raises(DatasetError, match="is binary"):
        doc.root.get("0009,1003")
    assert doc.root.read("0009,1003") == b"\x00\x01\xff\xfe"
    assert doc.root.read("0009,1002") == "text"
    doc.root.set("0009,1001", "after")
    doc.root.set("0009,1002", "more text")
    doc.root.remove("0009,1003")
    assert edited_bytes(doc) == b"".join(
        [elements[0], element(0x00091001, "LO", "after"), element(0x00091002, "UN", b"more text")]
    )


def test_implicit_private_elements_of_known_creators_have_their_vr(tmp_path):
    doc = document(
        tmp_path,
        element(0x00190010, "LO", "GEMS_ACQU_01", IMPLICIT),
        element(0x00191002, "SL", struct.pack("<i", -5), IMPLICIT),
        syntax=IMPLICIT,
    )
    assert doc.root.get("0019,1002") == "-5"


def test_binary_values_have_no_text_and_are_read_as_bytes_unless_they_are_long(tmp_path, monkeypatch):
    root = ct(tmp_path).root
    with pytest.raises(DatasetError, match="7FE0,0010 PixelData is binary"):
        root.get("PixelData")
    assert len(root.read("PixelData")) == 16
    assert root.read("RescaleSlope") is None
    monkeypatch.setattr(edits, "_LONGEST_BINARY", 15)
    with pytest.raises(DatasetError, match="7FE0,0010 PixelData is binary, 16 bytes: more than the 15"):
        root.read("PixelData")
    with pytest.raises(DatasetError, match="is a sequence"):
        root.read("ReferencedImageSequence")
    with pytest.raises(DatasetError, match=r"is a sequence: read a path such as ReferencedImageSequence\[1\].Tag"):
        root.get("ReferencedImageSequence")
    assert root.remove("PixelData").old == "<16 bytes>"


def test_numbers_of_a_wrong_length_are_an_error_not_a_guess(tmp_path):
    root = document(tmp_path, element(0x00280010, "US", b"abcd"), element(0x00280011, "UL", b"abcdef")).root
    assert root.get("Rows") == "25185\\25699"
    with pytest.raises(DatasetError, match="0028,0011 Columns holds 6 bytes"):
        root.get("Columns")


@pytest.mark.parametrize(
    "vr, value, read",
    [
        ("CS", " A \\ B ", "A\\B"),
        ("DS", " 1.5 ", "1.5"),
        ("UI", "1.2\0\0", "1.2"),
        ("LO", "  A  \0", "  A"),
        ("LT", " text  ", " text"),
        ("FL", struct.pack("<2f", 0.1, 16777216), "0.1\\16777216.0"),
        ("UV", struct.pack("<Q", 2**64 - 1), str(2**64 - 1)),
        ("SV", struct.pack("<q", -(2**63)), str(-(2**63))),
    ],
)
def test_padding_is_taken_off_when_read(tmp_path, vr, value, read):
    assert document(tmp_path, element(0x00091001, vr, value)).root.get("0009,1001") == read


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00080020, "DA", b"2026.01.01"),
        (0x00080060, "CS", b"Chest "),
        (0x0020000D, "UI", b"1.2.03.4"),
        (0x00101010, "AS", b"42"),
        (0x00281053, "DS", b"1.000000000000000000001 "),
        (0x00081030, "LO", b"CT\tHEAD "),
        (0x00081030, "LO", b"caf\xff"),
    ],
)
def test_a_value_that_was_read_can_be_set_again_and_its_bytes_stay(tmp_path, tag, vr, value):
    doc = document(tmp_path, element(tag, vr, value), element(0x00100020, "LO", "P1"))
    path = f"{tag:08x}"
    record = doc.root.set(path, doc.root.get(path))
    assert doc.recipe() is None
    assert record.old == record.new == doc.root.get(path)


def test_a_control_character_that_came_with_the_value_is_not_the_scripts_fault(tmp_path):
    doc = document(tmp_path, element(0x00081030, "LO", b"ct\thead "))
    doc.root.set("StudyDescription", "CT\tHEAD")
    with pytest.raises(DatasetError, match="cannot hold the control character"):
        doc.root.set("StudyDescription", "CT\nHEAD")
    assert doc.root.get("StudyDescription") == "CT\tHEAD"


@pytest.mark.parametrize(
    ("tag", "vr", "value"), [(0x00091003, "UN", b"\x00\x01\xff\xfe"), (0x00189345, "FD", b"123456")]
)
def test_what_cannot_be_read_is_emptied_all_the_same(tmp_path, tag, vr, value):
    doc = document(tmp_path, element(tag, vr, value), element(0x00100020, "LO", "P1"))
    record = doc.root.set(f"{tag:08x}", "")
    assert (record.old, record.new) == (f"<{len(value)} bytes>", "")
    assert value not in edited_bytes(doc)

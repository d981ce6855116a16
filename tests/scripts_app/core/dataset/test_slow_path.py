import contextlib
import io
import struct
import warnings
import zlib

import pydicom
import pytest

from scripts_app.core.dataset import slow_path
from scripts_app.core.dataset.document import DatasetError, Document, NotIndexable
from scripts_app.core.dataset.file_meta import IMPLEMENTATION_CLASS_UID, read_file_meta
from scripts_app.core.dataset.opening import opened
from scripts_app.core.dataset.slow_path import normalised, write_part10
from tests.scripts_app.core.dataset.builders import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    UNDEFINED,
    ct,
    ct_elements,
    edited_bytes,
    element,
    item,
    part10,
    samples,
    sequence,
)

LIMIT = 1 << 24


def deflated(content: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(content) + deflater.flush()


def normal(folder, content, limit=LIMIT):
    source, target = folder / "source.dcm", folder / "normal.dcm"
    source.write_bytes(content)
    normalised(source, target, limit=limit)
    return Document.open(target)


def test_a_deflated_file_becomes_explicit_little_endian(tmp_path):
    content = b"".join(ct_elements())
    doc = normal(tmp_path, part10(deflated(content), syntax=DEFLATED))
    assert doc.transfer_syntax_uid == EXPLICIT
    assert edited_bytes(doc) == content
    assert doc.file_meta.media_storage_sop_instance_uid == "1.2.3.4"


@pytest.mark.parametrize(
    "packed, words",
    [
        (deflated(bytes(1 << 26)), "grows beyond"),
        (deflated(b"".join(ct_elements()))[:-20], "cut short"),
        (b"\xff" * 40, "cannot be inflated"),
        (deflated(b"no elements at all"), "no known VR"),
    ],
)
def test_a_deflated_file_that_cannot_be_unpacked_is_refused_and_leaves_nothing(tmp_path, packed, words):
    with pytest.raises(DatasetError, match=words):
        normal(tmp_path, part10(packed, syntax=DEFLATED))
    assert not (tmp_path / "normal.dcm").exists()


def test_a_file_beyond_the_limit_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="more than the 100 allowed"):
        normal(tmp_path, part10(*ct_elements()), limit=100)


def test_elements_out_of_order_are_put_in_order(tmp_path):
    name, number = element(0x00100010, "PN", "Doe"), element(0x00100020, "LO", "P1")
    doc = normal(tmp_path, part10(number, name))
    assert doc.root.to_table() == {"PatientName": "Doe", "PatientID": "P1"}
    assert doc.transfer_syntax_uid == EXPLICIT


@pytest.mark.parametrize(
    "content, words",
    [
        (part10(element(0x00100010, "PN", "Doe", length=400)), "ends inside"),
        (part10(element(0x7FE00010, "OB", item(b"") + item(b"ab"), length=UNDEFINED), syntax=JPEG), "has no end"),
        (b"", "cannot be edited: the file is empty"),
        (b"this is a text file and nothing else\n" * 10, "cannot be edited"),
        (
            part10(
                element(0x00100010, "PN", b"\xff\xfe", IMPLICIT),
                element(0x00080005, "CS", "ISO_IR 192", IMPLICIT),
            ),
            "cannot be edited",
        ),
    ],
)
def test_what_would_have_to_be_guessed_is_refused_and_leaves_nothing(tmp_path, content, words):
    with pytest.raises(DatasetError, match=words):
        normal(tmp_path, content)
    assert not (tmp_path / "normal.dcm").exists()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize("named", [True, False])
def test_what_another_toolkit_would_leave_out_is_never_left_out(tmp_path, syntax, named):
    """It takes a delimiter outside of a sequence for the end: the pixels behind it would be gone, and nobody told."""
    order = ">" if syntax == BIG else "<"
    stray = struct.pack(order + "HHI", 0xFFFE, 0xE00D, 0)
    *elements, pixels = ct_elements(syntax)
    content = b"".join([*elements, stray, pixels])
    with pytest.raises(DatasetError, match=r"the file cannot be edited: nothing behind byte \d+ can be read"):
        normal(tmp_path, part10(content, syntax=syntax) if named else content)
    assert not (tmp_path / "normal.dcm").exists()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
@pytest.mark.parametrize(("behind", "kept"), [(b"\0", True), (bytes(7), True), (b"\x10\x00\x20\x00PN", False)])
def test_the_beginning_of_an_element_is_never_left_out_and_padding_is(tmp_path, syntax, behind, kept):
    content = part10(*ct_elements(syntax), syntax=syntax) + behind
    if kept:
        assert normal(tmp_path, content).root.get("PatientID")
        return
    with pytest.raises(DatasetError, match=r"the file cannot be edited: nothing behind byte \d+ can be read"):
        normal(tmp_path, content)


FIRST, SECOND = element(0x00081150, "UI", "1.2.840", IMPLICIT), element(0x00081155, "UI", "9.8.7.6", IMPLICIT)
STRAY = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ([item(FIRST + SECOND, IMPLICIT)], True),
        ([item(FIRST + STRAY + SECOND, IMPLICIT)], False),
        ([item(FIRST, IMPLICIT), SECOND], False),
        ([item(SECOND + FIRST + SECOND, IMPLICIT)], False),
    ],
    ids=["sound", "a delimiter inside an item", "an element behind the last item", "an element twice in an item"],
)
def test_sequences_that_have_to_be_written_anew_lose_nothing(tmp_path, entries, kept):
    """Implicit VR under the name of explicit VR, as some send it."""
    references = sequence(0x00081140, entries, IMPLICIT)
    content = part10(references, element(0x00100010, "PN", "Doe", IMPLICIT), syntax=EXPLICIT)
    if kept:
        assert normal(tmp_path, content).root.get("ReferencedImageSequence[1].ReferencedSOPInstanceUID") == "9.8.7.6"
        return
    with pytest.raises(DatasetError, match="the file cannot be edited: "):
        normal(tmp_path, content)


@pytest.mark.parametrize(("inside", "named"), [(EXPLICIT, IMPLICIT), (IMPLICIT, EXPLICIT)])
def test_items_take_on_the_vr_encoding_that_the_transfer_syntax_names(tmp_path, inside, named):
    """The element around them was written in it, and they were left as they stood: nobody could read them."""
    items = [item(element(0x00081155, "UI", uid, inside), inside) for uid in ("9.8.7.6", "9.8.7.7")]
    name = element(0x00100010, "PN", "Doe", inside)
    doc = normal(tmp_path, part10(sequence(0x00081140, items, inside), name, syntax=named))
    assert doc.root.to_table() == {
        "ReferencedImageSequence": [{"ReferencedSOPInstanceUID": uid} for uid in ("9.8.7.6", "9.8.7.7")],
        "PatientName": "Doe",
    }


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00080080, "LO", b"\x1b$BCa\x1b(B"),
        (0x00080080, "LO", b" a \\ b  "),
        (0x00100010, "PN", b"Doe^J==^ "),
        (0x00181030, "LO", b"ABC \0\0"),
        (0x00180050, "DS", b" 1.70 "),
        (0x00280009, "AT", b"\x18\0\x63\x10\x28\0"),
        (0x0018605A, "FL", b"\1\0\x80\x7f"),
        (0x00091001, "UN", b"\1\2"),
    ],
    ids=["escapes", "blanks", "empty groups", "padding", "number", "cut tag", "no number", "private"],
)
@pytest.mark.parametrize(("inside", "named"), [(EXPLICIT, IMPLICIT), (IMPLICIT, EXPLICIT)])
@pytest.mark.parametrize("nested", [False, True])
def test_values_stay_the_bytes_that_they_are_in_the_other_vr_encoding(tmp_path, tag, vr, value, inside, named, nested):
    strange = element(tag, vr, value, inside)
    held = sequence(0x00081140, [item(strange)], inside) if nested else strange
    doc = normal(tmp_path, part10(held, element(0x0040A160, "UT", "text", inside), syntax=named))
    assert element(tag, vr, value, named) in edited_bytes(doc)


def test_both_kinds_of_vr_beside_each_other_are_no_obstacle_where_no_sequence_can_lose_anything(tmp_path):
    name, number = element(0x00100010, "PN", "Doe"), element(0x00100020, "LO", "P1", IMPLICIT)
    assert normal(tmp_path, part10(name, number)).root.get("PatientID") == "P1"
    with pytest.raises(DatasetError, match=r"0010,0020 at byte \d+ has no known VR"):
        normal(tmp_path, part10(sequence(0x00081140, [item(b"")]), name, number))


def test_every_bundled_file_the_index_refuses_is_normalised_or_refused_in_words(tmp_path):
    outcomes = {}
    for path in samples():
        try:
            Document.open(path).close()
        except NotIndexable:
            try:
                normalised(path, tmp_path / "normal.dcm", limit=LIMIT)
                outcomes[path.name] = True
            except DatasetError as error:
                outcomes[path.name] = False
                assert str(error).startswith("the file cannot be edited: ")
    assert {name for name, done in outcomes.items() if done} >= {
        "image_dfl.dcm",
        "SC_rgb_jpeg.dcm",
        "ExplVR_BigEndNoMeta.dcm",
        "ExplVR_LitEndNoMeta.dcm",
    }
    assert {name for name, done in outcomes.items() if not done} >= {"MR_truncated.dcm", "rtplan_truncated.dcm"}


@pytest.mark.parametrize("name", ["image_dfl.dcm", "SC_rgb_jpeg.dcm"])
def test_a_normalised_file_says_the_same(tmp_path, name):
    path = next(path for path in samples() if path.name == name)
    normalised(path, tmp_path / "normal.dcm", limit=LIMIT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "normal.dcm")
        assert list(before) == list(after)


def test_a_whole_file_is_written_from_a_recipe(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("SOPInstanceUID", "1.9.9")
    doc.root.set("PatientName", "山")
    target = tmp_path / "target.dcm"
    write_part10(tmp_path / "received.dcm", doc.recipe(), doc.identity(), EXPLICIT, target)
    written = pydicom.dcmread(target)
    assert written.file_meta.MediaStorageSOPInstanceUID == "1.9.9"
    assert written.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert written.preamble == bytes(128)
    assert written.PatientName == "山"
    assert target.read_bytes().endswith(edited_bytes(doc))


def test_a_whole_file_without_recipe_has_the_received_data_set(tmp_path):
    doc = ct(tmp_path)
    target = tmp_path / "target.dcm"
    write_part10(tmp_path / "received.dcm", None, doc.identity(), EXPLICIT, target)
    assert target.read_bytes()[read_file_meta(target.read_bytes()).dataset_offset :] == edited_bytes(doc)


def test_a_file_can_be_deflated_on_the_way_out(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("PatientID", "P2")
    target = tmp_path / "target.dcm"
    write_part10(tmp_path / "received.dcm", doc.recipe(), doc.identity(), DEFLATED, target, deflate=True)
    assert pydicom.dcmread(target).PatientID == "P2"
    assert len(target.read_bytes()) % 2 == 0
    normalised(target, tmp_path / "back.dcm", limit=LIMIT)
    assert edited_bytes(Document.open(tmp_path / "back.dcm")) == edited_bytes(doc)


def test_output_that_waits_when_all_input_is_consumed_is_no_cut(monkeypatch):
    """The last codes may stand for more than what still fits into a piece; one file in a thousand was refused."""
    monkeypatch.setattr(slow_path, "_CHUNK", 64)
    for length in range(2000, 6000, 37):
        packed = io.BytesIO(deflated(b"head of the thing" + bytes(length)))
        assert sum(map(len, slow_path._inflated(packed))) == length + 17


def test_sequences_too_deep_for_any_reader_are_told_as_that(tmp_path):
    opening = b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    path = tmp_path / "deep.dcm"
    path.write_bytes(part10(b"".join(ct_elements()) + opening * 5000 + closing * 5000, syntax=EXPLICIT))
    with (
        pytest.raises(DatasetError, match="nested"),
        opened(path, lambda: contextlib.nullcontext(tmp_path / "normal.dcm")),
    ):
        pass
    with pytest.raises(DatasetError, match="nested too deep"):
        normalised(path, tmp_path / "normal.dcm", limit=LIMIT)


def test_scripts_see_the_transfer_syntax_that_an_image_came_in(tmp_path):
    path = tmp_path / "received.dcm"
    path.write_bytes(part10(deflated(b"".join(ct_elements())), syntax=DEFLATED))
    with opened(path, lambda: contextlib.nullcontext(tmp_path / "normal.dcm")) as received:
        assert received.document.root.get("0002,0010") == DEFLATED
        assert received.document.clone().root.get("0002,0010") == DEFLATED
        assert received.document.transfer_syntax_uid == EXPLICIT


def test_values_that_had_to_be_rewritten_keep_their_padding(tmp_path):
    """No Transfer Syntax UID: the file is written anew, the values are not."""
    name, number = element(0x00100010, "PN", "  Doe^J   "), element(0x00100020, "LO", " 007")
    doc = normal(tmp_path, name + number + element(0x00100030, "DA", "20260101"))
    assert name + number in edited_bytes(doc)

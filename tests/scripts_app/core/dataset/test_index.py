import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts_app.core.dataset.document import DatasetError, Document, NotIndexable
from tests.scripts_app.core.dataset.builders import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    SYNTAXES,
    UNDEFINED,
    ct_elements,
    document,
    edited_bytes,
    element,
    item,
    part10,
    samples,
    sequence,
)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_values_are_found_in_every_encoding(tmp_path, syntax):
    root = document(tmp_path, *ct_elements(syntax), syntax=syntax).root
    assert root.get("PatientName") == "Doe^Jane"
    assert root.get("ReferencedImageSequence[2].ReferencedSOPInstanceUID") == "1.2.3.6"
    assert root.get("0040,0275[1].0040,0007") == "Step"
    assert root.exists("FFFC,FFFC"), "elements behind the pixel data are found too"


def test_fragments_of_pixel_data_are_skipped(tmp_path):
    fragments = item(b"") + item(b"\xff\xd8" * 50) + item(b"\xff\xd9" * 7) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    root = document(
        tmp_path,
        element(0x00080060, "CS", "US"),
        element(0x7FE00010, "OB", fragments, length=UNDEFINED),
        element(0xFFFCFFFC, "OB", b"\0\0"),
        syntax=JPEG,
    ).root
    assert root.exists("PixelData") and root.exists("FFFC,FFFC")


def test_un_of_undefined_length_is_implicit_inside(tmp_path):
    inner = item(element(0x00081155, "UI", "1.2.3", IMPLICIT), undefined=True)
    root = document(tmp_path, sequence(0x00091001, [inner], undefined=True, vr="UN")).root
    assert root.get("0009,1001[1].0008,1155") == "1.2.3"


def test_sequences_may_nest_64_levels_and_no_more(tmp_path):
    content = b""
    for _ in range(64):
        content = sequence(0x00081140, [item(content, undefined=True)], undefined=True)
    assert document(tmp_path, content).root.count("ReferencedImageSequence") == 1
    content = sequence(0x00081140, [item(content, undefined=True)], undefined=True)
    with pytest.raises(NotIndexable, match="nested deeper than 64"):
        document(tmp_path, content)


def test_hidden_depth_is_an_error_when_it_is_entered(tmp_path):
    content = b""
    for _ in range(70):
        content = sequence(0x00081140, [item(content)])
    root = document(tmp_path, content).root
    with pytest.raises(DatasetError, match="nested deeper than 64"):
        view = root
        for _ in range(70):
            view = view.select("0008,1140[1]")


@pytest.mark.parametrize(
    "elements, words",
    [
        ([element(0x00100010, "PN", "A")] * 2, "0010,0010 stands there twice"),
        (
            [element(0x00100010, "PN", "A"), element(0x00080060, "CS", "CT"), element(0x00100010, "PN", "A")],
            "0010,0010 stands there twice",
        ),
        ([element(0x00100010, "PN", "A", length=400)], "claims 400 bytes"),
        ([element(0x00100010, "UT", "A", length=0xFFFFFFFE)], "claims 4294967294 bytes"),
        ([element(0x00080060, "CS", "CT")[:-1]], "claims"),
        ([element(0x00080060, "CS", "CT") + b"\x10"], "ends inside"),
        ([element(0x00080060, "ZZ", "CT")], "no known VR"),
        ([element(0x00081140, "SQ", b"", length=UNDEFINED)], "no end"),
        ([element(0x7FE00010, "OB", item(b"ab"), length=UNDEFINED)], "no end"),
        ([element(0x7FE00010, "OB", b"abcdefgh", length=UNDEFINED)], "among the fragments"),
        ([element(0x00081140, "SQ", item(b"")[:6], length=UNDEFINED)], "ends inside"),
        ([struct.pack("<HHI", 0xFFFE, 0xE00D, 0)], "no known VR"),
    ],
)
def test_bytes_that_make_no_sense_are_not_indexed(tmp_path, elements, words):
    with pytest.raises(NotIndexable, match=words):
        document(tmp_path, *elements)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_out_of_order_stays_so_and_an_edit_changes_its_element_alone(tmp_path, syntax):
    number, name = element(0x00100020, "LO", "P1", syntax), element(0x00100010, "PN", "  Doe^J   ", syntax)
    modality, pixels = element(0x00080060, "CS", "CT", syntax), element(0x7FE00010, "OW", b"1234", syntax)
    doc = document(tmp_path, number, name, pixels, modality, syntax=syntax)
    doc.root.set("PatientID", "P22")
    assert edited_bytes(doc) == element(0x00100020, "LO", "P22 ", syntax) + name + pixels + modality
    assert doc.root.to_table() == {"PatientID": "P22", "PatientName": "  Doe^J", "Modality": "CT"}


def test_a_stray_delimiter_in_implicit_vr_is_not_indexed(tmp_path):
    with pytest.raises(NotIndexable, match="outside of a sequence"):
        document(tmp_path, struct.pack("<HHI", 0xFFFE, 0xE00D, 0), syntax=IMPLICIT)


@pytest.mark.parametrize("content", [b"", b"\0" * 10, part10(syntax=""), part10(syntax="1.2.840.10008.1.2.1.99")])
def test_files_that_the_slow_path_must_do_are_not_indexed(tmp_path, content):
    path = tmp_path / "x.dcm"
    path.write_bytes(content)
    with pytest.raises(NotIndexable):
        Document.open(path)


def test_a_sequence_of_nonsense_is_an_error_only_when_read(tmp_path):
    root = document(tmp_path, element(0x00081140, "SQ", b"nonsense"), element(0x00100020, "LO", "P1")).root
    assert root.get("PatientID") == "P1"
    with pytest.raises(DatasetError, match="0008,1140 ReferencedImageSequence cannot be read"):
        root.count("ReferencedImageSequence")


def test_elements_out_of_order_inside_items_are_read_and_repeated_ones_are_not(tmp_path):
    a, b = element(0x00081155, "UI", "1.2"), element(0x00081150, "UI", "1.3")
    root = document(tmp_path, sequence(0x00081140, [item(a + b)])).root
    assert root.get("0008,1140[1].0008,1150") == "1.3"
    repeated = document(tmp_path, sequence(0x00081140, [item(a + b + a)])).root
    with pytest.raises(DatasetError, match="0008,1155 stands there twice"):
        repeated.count("0008,1140")


def test_300_000_elements_are_indexed(tmp_path):
    many = b"".join(
        struct.pack("<HH2sH", 0x10 + 2 * (n >> 16), n & 0xFFFF, b"LO", 0) for n in range(0x10000, 0x10000 + 300_000)
    )
    root = document(tmp_path, many).root
    assert root.exists("0012,0001")


PATHS = samples()


def _read_everything(path):
    """Only the two documented errors may come out."""
    try:
        document = Document.open(path)
    except NotIndexable:
        return
    try:
        document.root.to_table()
        document.root.set("PatientName", "X")
        document.root.set("ReferencedImageSequence[1].ReferencedSOPInstanceUID", "1.2")
    except DatasetError:
        pass
    document.identity()
    document.recipe()
    document.close()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damaged_files_end_in_the_documented_errors(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(PATHS)).read_bytes()[:20_000])
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(132, max(133, min(len(content), 3000) - 1))) % len(content)
        content[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0xFE, 0xFF, 0x53, 0x51]))
    path = tmp_path_factory.mktemp("damaged") / "x.dcm"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    _read_everything(path)


def test_every_truncation_of_a_small_file_ends_in_the_documented_errors(tmp_path):
    path = tmp_path / "x.dcm"
    for syntax in (EXPLICIT, IMPLICIT, BIG):
        content = part10(*ct_elements(syntax), syntax=syntax)
        for end in range(len(content)):
            path.write_bytes(content[:end])
            _read_everything(path)

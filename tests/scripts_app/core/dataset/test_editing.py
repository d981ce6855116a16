"""Which bytes an edit changes, and which it must not."""

import struct

import pytest

from scripts_app.core.dataset.document import DatasetError
from tests.scripts_app.core.dataset.builders import (
    IMPLICIT,
    JPEG,
    SYNTAXES,
    UNDEFINED,
    ct,
    ct_elements,
    document,
    edited_bytes,
    element,
    item,
    sequence,
)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_edit_changes_its_element_and_drops_its_group_length_and_nothing_else(tmp_path, syntax):
    elements = ct_elements(syntax)
    doc = document(tmp_path, *elements, syntax=syntax)
    doc.root.set("AccessionNumber", "ACC22")
    elements[4] = element(0x00080050, "SH", "ACC22", syntax)
    assert edited_bytes(doc) == b"".join(elements[1:])
    assert not doc.root.exists("0008,0000")


def test_an_edit_in_another_group_leaves_the_group_length(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("PatientID", "P2")
    assert doc.root.get("0008,0000") == "999"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_new_element_is_put_in_order(tmp_path, syntax):
    elements = ct_elements(syntax)
    doc = document(tmp_path, *elements, syntax=syntax)
    doc.root.set("PatientSex", "F")
    doc.root.set("PatientBirthDate", "20000101")
    at = 9
    elements[at:at] = [
        element(0x00100030, "DA", "20000101", syntax),
        element(0x00100040, "CS", "F", syntax),
    ]
    assert edited_bytes(doc) == b"".join(elements)


def test_elements_can_be_new_at_both_ends(tmp_path):
    doc = document(tmp_path, element(0x00100010, "PN", "A"))
    doc.root.set("PatientID", "B")
    doc.root.set("Modality", "CT")
    assert edited_bytes(doc) == b"".join(
        [element(0x00080060, "CS", "CT"), element(0x00100010, "PN", "A"), element(0x00100020, "LO", "B")]
    )


def test_a_removed_element_is_gone_and_the_rest_stands(tmp_path):
    elements = ct_elements()
    doc = document(tmp_path, *elements)
    assert doc.root.remove("PatientName").old == "Doe^Jane"
    assert doc.root.get("PatientName") is None
    del elements[7]
    assert edited_bytes(doc) == b"".join(elements)


def test_removing_what_is_not_there_is_silent(tmp_path):
    doc = ct(tmp_path)
    for path in ("PatientSex", "0009,1001", "0040,0275[1].PatientSex", "0040,0275[7]", "0008,1115[1].PatientSex"):
        assert doc.root.remove(path) is None
    assert doc.recipe() is None


@pytest.mark.parametrize("undefined_sequence", [True, False])
@pytest.mark.parametrize("undefined_item", [True, False])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_edit_in_a_sequence_corrects_defined_lengths_and_keeps_undefined_ones(
    tmp_path, syntax, undefined_item, undefined_sequence
):
    def content(step):
        uid = element(0x00081155, "UI", "1.2", syntax)
        inner = sequence(
            0x00400008,
            [item(element(0x00080104, "LO", step, syntax), syntax, undefined=undefined_item)],
            syntax,
            undefined=undefined_sequence,
        )
        return [
            element(0x00080060, "CS", "CT", syntax),
            sequence(
                0x00400275,
                [
                    item(uid, syntax, undefined=not undefined_item),
                    item(uid + inner, syntax, undefined=undefined_item),
                ],
                syntax,
                undefined=undefined_sequence,
            ),
            element(0x7FE00010, "OW", b"pixels", syntax),
        ]

    doc = document(tmp_path, *content("before"), syntax=syntax)
    doc.root.set("0040,0275[2].0040,0008[1].CodeMeaning", "somewhat longer")
    assert edited_bytes(doc) == b"".join(content("somewhat longer"))


def test_implicit_items_inside_un_stay_implicit(tmp_path):
    def content(uid):
        inner = item(element(0x00081155, "UI", uid, IMPLICIT), undefined=True)
        return sequence(0x00081140, [inner], undefined=True, vr="UN")

    doc = document(tmp_path, content("1.2"))
    doc.root.set("0008,1140[1].0008,1155", "1.2.345")
    assert edited_bytes(doc) == content("1.2.345")


def test_a_sequence_of_defined_length_inside_un_keeps_its_form(tmp_path):
    def content(uid):
        return sequence(0x00081140, [item(element(0x00081155, "UI", uid, IMPLICIT))], vr="UN")

    doc = document(tmp_path, content("1.2"))
    doc.root.set("0008,1140[1].0008,1155", "1.2.345")
    assert edited_bytes(doc) == content("1.2.345")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_missing_sequences_and_items_are_created(tmp_path, syntax):
    doc = document(tmp_path, syntax=syntax)
    doc.root.set("0040,0275[1].0040,0008[1].CodeMeaning", "Head")
    doc.root.set("0040,0275[2].0040,0007", "Second")
    inner = sequence(0x00400008, [item(element(0x00080104, "LO", "Head", syntax), syntax)], syntax)
    second = element(0x00400007, "LO", "Second", syntax)
    assert edited_bytes(doc) == sequence(0x00400275, [item(inner, syntax), item(second, syntax)], syntax)


def test_fragments_and_what_is_behind_them_stay(tmp_path):
    fragments = item(b"") + item(b"\xff\xd8" * 50) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    tail = element(0x7FE00010, "OB", fragments, length=UNDEFINED) + element(0xFFFCFFFC, "OB", b"\0\0")
    doc = document(tmp_path, element(0x00100020, "LO", "P1"), tail, syntax=JPEG)
    doc.root.set("PatientID", "P2")
    assert edited_bytes(doc) == element(0x00100020, "LO", "P2") + tail


def test_setting_the_value_that_is_there_changes_no_byte(tmp_path):
    doc = ct(tmp_path)
    record = doc.root.set("PatientName", "Doe^Jane")
    assert (record.old, record.new) == ("Doe^Jane", "Doe^Jane")
    doc.root.set("0008,1140[1].0008,1155", "1.2.3.5")
    assert doc.recipe() is None
    doc.root.set("PatientName", "Roe")
    doc.root.set("PatientName", "Doe^Jane")
    assert doc.recipe() is None


def test_adding_and_removing_again_changes_no_byte(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("PatientSex", "F")
    doc.root.remove("PatientSex")
    assert doc.recipe() is None


def test_a_recipe_is_as_small_as_the_edits(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("PatientID", "P2")
    assert len(doc.recipe().parts) == 3
    assert len(doc.recipe().dumps()) < 100


def test_a_refused_edit_leaves_nothing_half_done(tmp_path):
    doc = ct(tmp_path)
    for attempt in (
        lambda: doc.root.set("0040,0275[1].0040,0008[1].0008,0018", "not a uid"),
        lambda: doc.root.set("OtherPatientIDsSequence[PatientID='A'].PatientBirthDate", "yesterday"),
        lambda: doc.root.populate({"PatientName": "山", "PatientID": "P2", "StudyDate": "yesterday"}),
        lambda: doc.root.append("0040,0275", {"0040,0007": "x", "StudyDate": "yesterday"}),
        lambda: doc.root.populate_at("0040,0275[2]", {"StudyDate": "yesterday"}),
    ):
        with pytest.raises(DatasetError):
            attempt()
    assert doc.recipe() is None
    assert doc.root.count("0040,0275") == 1


def test_the_record_of_an_edit_shortens_what_is_long(tmp_path):
    root = document(tmp_path, element(0x00204000, "LT", "x" * 5000), element(0x00282000, "OB", b"\0" * 10)).root
    record = root.set("ImageComments", "short")
    assert record.old is not None and record.old.startswith("x" * 1024 + "… <5000 characters, ")
    assert root.remove("ICCProfile").old == "<10 bytes>"
    assert root.set("0008,1140[1].0008,1155", "1.2").path == "0008,1140[1].0008,1155"
    assert root.remove("0008,1140").old == "<1 items>"


def test_no_more_than_64_levels_can_be_created(tmp_path):
    root = document(tmp_path).root
    for _ in range(64):
        root, _records = root.append("0008,1140")
    with pytest.raises(DatasetError, match="nested deeper than 64"):
        root.append("0008,1140")


def test_what_is_put_back_as_it_was_is_no_edit_and_its_group_length_is_right_again(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("AccessionNumber", "ACC22")
    doc.root.set("StationName", "CT1")
    doc.root.set("AccessionNumber", "ACC1")
    assert not doc.root.exists("0008,0000"), "the station is still new"
    doc.root.remove("StationName")
    assert doc.recipe() is None
    assert doc.root.get("0008,0000") == "999"


@pytest.mark.parametrize("length", [1500, 70_000])
def test_long_texts_that_begin_alike_are_told_apart(tmp_path, length):
    root = document(tmp_path, element(0x0040A160, "UT", "")).root
    shown = [root.set("TextValue", "x" * length + end).new for end in ("DOE", "ROE", "DOE")]
    assert shown[0] == shown[2] != shown[1]

"""Paths, items and tables, as the manual of the Lua page describes them."""

import pytest

from scripts_app.core.dataset.document import DatasetError
from tests.scripts_app.core.dataset.builders import BIG, ct, document, edited_bytes, element, item, sequence


def with_ids(tmp_path):
    def patient(number, issuer):
        return item(element(0x00100020, "LO", number) + element(0x00100021, "LO", issuer))

    return document(
        tmp_path,
        element(0x00100010, "PN", "Doe"),
        sequence(0x00101002, [patient("A", "one"), patient("B", "two"), patient("B", "three")]),
    )


def test_an_absent_element_is_none_and_an_empty_one_is_empty(tmp_path):
    root = document(tmp_path, element(0x00100010, "PN", "")).root
    assert root.get("PatientName") == "" and root.exists("PatientName")
    assert root.get("PatientID") is None and not root.exists("PatientID")
    assert root.get("0008,1140[1].0008,1155") is None
    assert root.get("0009,1001") is None


def test_an_index_and_a_selector_choose_an_item(tmp_path):
    root = with_ids(tmp_path).root
    assert root.get("OtherPatientIDsSequence[1].IssuerOfPatientID") == "one"
    assert root.get("OtherPatientIDsSequence[PatientID='A'].IssuerOfPatientID") == "one"
    assert root.get("OtherPatientIDsSequence[4].IssuerOfPatientID") is None
    assert root.get("OtherPatientIDsSequence[PatientID='C'].IssuerOfPatientID") is None


@pytest.mark.parametrize(
    "call",
    [
        lambda root: root.get("OtherPatientIDsSequence[PatientID='B'].IssuerOfPatientID"),
        lambda root: root.set("OtherPatientIDsSequence[PatientID='B'].IssuerOfPatientID", "x"),
        lambda root: root.remove("OtherPatientIDsSequence[PatientID='B']"),
        lambda root: root.populate_at("OtherPatientIDsSequence[PatientID='B']", {"IssuerOfPatientID": "x"}),
        lambda root: root.exists("OtherPatientIDsSequence[PatientID='B']"),
        lambda root: root.to_table("OtherPatientIDsSequence[PatientID='B']"),
        lambda root: root.select("OtherPatientIDsSequence[PatientID='B']"),
    ],
)
def test_singular_methods_refuse_a_selector_that_matches_several(tmp_path, call):
    with pytest.raises(DatasetError, match="ambiguous: 2 items match; use Items"):
        call(with_ids(tmp_path).root)


def test_items_gives_all_that_match(tmp_path):
    root = with_ids(tmp_path).root
    assert [each.get("IssuerOfPatientID") for each in root.items("OtherPatientIDsSequence[PatientID='B']")] == [
        "two",
        "three",
    ]
    assert len(root.items("OtherPatientIDsSequence")) == 3
    assert root.items("ReferencedImageSequence") == []


def test_count_is_of_items_and_0_otherwise(tmp_path):
    root = with_ids(tmp_path).root
    assert root.count("OtherPatientIDsSequence") == 3
    assert root.count("OtherPatientIDsSequence[PatientID='B']") == 2
    assert root.count("ReferencedImageSequence") == root.count("PatientName") == root.count("0009,1001") == 0


def test_a_sequence_without_a_choice_means_its_only_item(tmp_path):
    root = with_ids(tmp_path).root
    with pytest.raises(DatasetError, match="has 3 items: say which"):
        root.get("OtherPatientIDsSequence.PatientID")
    root.set("ReferencedImageSequence.ReferencedSOPInstanceUID", "1.2")
    assert root.get("ReferencedImageSequence.ReferencedSOPInstanceUID") == "1.2"


def test_a_step_through_what_is_no_sequence_is_an_error(tmp_path):
    root = with_ids(tmp_path).root
    for call in (
        lambda: root.get("PatientName[1].PatientID"),
        lambda: root.set("PatientID[1].PatientID", "x"),
        lambda: root.append("PatientID"),
        lambda: root.set("0009,1001[1].PatientID", "x"),
    ):
        with pytest.raises(DatasetError):
            call()


def test_set_with_a_selector_creates_the_item_with_the_selectors_value(tmp_path):
    root = with_ids(tmp_path).root
    record = root.set("OtherPatientIDsSequence[PatientID='D'].IssuerOfPatientID", "four")
    assert root.get("OtherPatientIDsSequence[4].PatientID") == "D"
    assert record.path == "0010,1002[4].0010,0021"
    assert [(also.path, also.new) for also in record.also] == [("0010,1002[4].0010,0020", "D")]
    root.set("OtherPatientIDsSequence[PatientID='D'].IssuerOfPatientID", "five")
    assert root.count("OtherPatientIDsSequence") == 4


def test_items_are_created_without_gaps(tmp_path):
    root = with_ids(tmp_path).root
    root.set("OtherPatientIDsSequence[4].PatientID", "D")
    with pytest.raises(DatasetError, match=r"has 4 items, \[6\] would leave a gap; next is \[5\]"):
        root.set("OtherPatientIDsSequence[6].PatientID", "F")


def test_remove_takes_an_item_or_only_the_child(tmp_path):
    root = with_ids(tmp_path).root
    assert root.remove("OtherPatientIDsSequence[2]").path == "0010,1002[2]"
    assert [each.get("IssuerOfPatientID") for each in root.items("OtherPatientIDsSequence")] == ["one", "three"]
    root.remove("OtherPatientIDsSequence[1].IssuerOfPatientID")
    assert root.count("OtherPatientIDsSequence") == 2
    assert root.get("OtherPatientIDsSequence[1].IssuerOfPatientID") is None
    root.remove("OtherPatientIDsSequence")
    assert not root.exists("OtherPatientIDsSequence")


def test_append_adds_one_item_at_the_end(tmp_path):
    doc = with_ids(tmp_path)
    view, records = doc.root.append("OtherPatientIDsSequence", {"PatientID": "D"})
    assert [record.path for record in records] == ["0010,1002[4]", "0010,1002[4].0010,0020"]
    view.set("IssuerOfPatientID", "four")
    assert doc.root.get("OtherPatientIDsSequence[4].IssuerOfPatientID") == "four"
    assert edited_bytes(doc).endswith(item(element(0x00100020, "LO", "D") + element(0x00100021, "LO", "four")))
    view, _ = doc.root.append("ReferencedImageSequence")
    assert view.to_table() == {}


def test_a_selected_item_can_be_changed_and_deleted(tmp_path):
    root = with_ids(tmp_path).root
    view = root.select("OtherPatientIDsSequence[PatientID='A']")
    view.set("IssuerOfPatientID", "changed")
    assert root.get("OtherPatientIDsSequence[1].IssuerOfPatientID") == "changed"
    assert view.delete().path == "0010,1002[1]"
    assert root.count("OtherPatientIDsSequence") == 2
    with pytest.raises(DatasetError, match="has been removed"):
        view.set("IssuerOfPatientID", "again")
    with pytest.raises(DatasetError, match="has been removed"):
        view.delete()
    with pytest.raises(DatasetError, match="Delete is for sequence items"):
        root.delete()


def test_an_item_of_a_removed_sequence_cannot_be_changed(tmp_path):
    root = with_ids(tmp_path).root
    view = root.select("OtherPatientIDsSequence[1]")
    root.remove("OtherPatientIDsSequence")
    with pytest.raises(DatasetError, match="removed or replaced"):
        view.set("IssuerOfPatientID", "again")
    root.append("OtherPatientIDsSequence")
    with pytest.raises(DatasetError, match="removed or replaced"):
        view.set("IssuerOfPatientID", "again")


def test_items_keep_their_meaning_when_earlier_ones_go(tmp_path):
    root = with_ids(tmp_path).root
    first, second, third = root.items("OtherPatientIDsSequence")
    first.delete()
    third.set("IssuerOfPatientID", "last")
    second.delete()
    assert root.to_table("OtherPatientIDsSequence") == [{"PatientID": "B", "IssuerOfPatientID": "last"}]


def test_to_table_and_populate_have_the_same_shape(tmp_path):
    root = with_ids(tmp_path).root
    table = root.to_table()
    assert table == {
        "PatientName": "Doe",
        "OtherPatientIDsSequence": [
            {"PatientID": "A", "IssuerOfPatientID": "one"},
            {"PatientID": "B", "IssuerOfPatientID": "two"},
            {"PatientID": "B", "IssuerOfPatientID": "three"},
        ],
    }
    (tmp_path / "other").mkdir()
    other = document(tmp_path / "other").root
    other.populate(table)
    assert other.to_table() == table
    assert root.to_table("PatientName") == "Doe"
    assert root.to_table("OtherPatientIDsSequence[1]") == table["OtherPatientIDsSequence"][0]
    assert root.to_table("PatientID") is None
    assert root.to_table("0008,1140[1].PatientID") is None


def test_tables_leave_binary_values_out(tmp_path):
    table = ct(tmp_path).root.to_table()
    assert "PixelData" not in table and "FFFC,FFFC" not in table and "0008,0000" not in table


def with_icons(tmp_path):
    rows = element(0x00280010, "US", b"\1\0")
    icons = sequence(0x00880200, [item(rows + element(0x7FE00010, "OB", b"\1\2")), item(rows)])
    return document(tmp_path, element(0x00080060, "CS", "CT"), icons)


def test_a_table_that_is_written_back_takes_no_binary_values_out_of_sequences(tmp_path):
    doc = with_icons(tmp_path)
    before = doc.root.to_table()
    doc.root.populate({**before, "Modality": "MR"})
    assert b"\1\2" in edited_bytes(doc)
    assert doc.root.to_table() == {**before, "Modality": "MR"}


@pytest.mark.parametrize("tables", [[], [{"Rows": "1"}], [{"Rows": "3"}, {"Rows": "2"}]])
def test_items_with_values_that_no_table_holds_are_not_replaced(tmp_path, tables):
    doc = with_icons(tmp_path)
    with pytest.raises(DatasetError, match=r"IconImageSequence.*would lose.*7FE0,0010 PixelData"):
        doc.root.populate({"IconImageSequence": tables})
    assert doc.recipe() is None
    doc.root.remove("IconImageSequence")
    doc.root.populate({"IconImageSequence": tables})
    assert doc.root.count("IconImageSequence") == len(tables)


def test_populate_takes_paths_tables_and_lists(tmp_path):
    root = with_ids(tmp_path).root
    records = root.populate(
        {
            "PatientName": "山田",
            "SpecificCharacterSet": "ISO_IR 192",
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "ReferencedImageSequence": {"ReferencedSOPInstanceUID": "1.2"},
            "ReferencedStudySequence": [{"ReferencedSOPInstanceUID": "1.3"}, {}],
            "OtherPatientIDsSequence[2].IssuerOfPatientID": "changed",
            "OtherPatientIDsSequence[PatientID='A']": {"IssuerOfPatientID": "changed too"},
        }
    )
    assert records[0].path == "0008,0005", "first, for it decides how the rest is written"
    assert root.get("PatientName") == "山田"
    assert root.get("ImageType") == "ORIGINAL\\PRIMARY"
    assert root.get("ReferencedImageSequence[1].ReferencedSOPInstanceUID") == "1.2"
    assert root.count("ReferencedStudySequence") == 2
    assert root.get("OtherPatientIDsSequence[1].IssuerOfPatientID") == "changed too"
    assert root.get("OtherPatientIDsSequence[2].IssuerOfPatientID") == "changed"
    root.populate({"OtherPatientIDsSequence": []})
    assert root.exists("OtherPatientIDsSequence") and root.count("OtherPatientIDsSequence") == 0


@pytest.mark.parametrize(
    "table, words",
    [
        ({1: "x"}, "keys are tags or paths, not 1"),
        ({"0010,1002[1]": "x"}, "an item takes a table"),
        ({"0010,1002": ["x"]}, "an item takes a table"),
        ({"0002,0010": "1.2"}, "file meta information"),
        ({"PatientID": {"a": 1}}, "no sequence"),
    ],
)
def test_a_bad_table_is_refused_in_words(tmp_path, table, words):
    with pytest.raises(DatasetError, match=words):
        with_ids(tmp_path).root.populate(table)


def test_populate_at_creates_what_set_would(tmp_path):
    root = with_ids(tmp_path).root
    records = root.populate_at("OtherPatientIDsSequence[PatientID='D']", {"IssuerOfPatientID": "four"})
    assert [record.new for record in records] == ["D", "four"]
    assert root.to_table("OtherPatientIDsSequence[4]") == {"PatientID": "D", "IssuerOfPatientID": "four"}


def test_file_meta_information_is_read_and_never_changed(tmp_path):
    root = with_ids(tmp_path).root
    assert root.get("0002,0010") == "1.2.840.10008.1.2.1"
    assert root.get("MediaStorageSOPInstanceUID") == "1.2.3.4"
    assert root.get("0002,0016") is None
    for change in (lambda: root.set("0002,0010", "1.2"), lambda: root.remove("TransferSyntaxUID")):
        with pytest.raises(DatasetError, match="file meta information, which is written anew"):
            change()


def test_tables_name_the_elements_of_repeating_groups_by_number(tmp_path):
    first, second = element(0x60000022, "LO", b"first"), element(0x60020022, "LO", b"second")
    doc = document(tmp_path, first, second)
    table = doc.root.to_table()
    assert table == {"6000,0022": "first", "6002,0022": "second"}
    doc.root.populate({**table, "6002,0022": "other"})
    assert (doc.root.get("6000,0022"), doc.root.get("6002,0022")) == ("first", "other")


def test_a_number_that_is_un_is_little_endian_in_a_big_endian_file_too(tmp_path):
    """PS3.5 6.2.2."""
    numbers = [element(0x00280010, "UN", b"\2\0", BIG), element(0x00280011, "US", b"\0\2", BIG)]
    doc = document(tmp_path, *numbers, element(0x00280103, "UN", b"\1\0", BIG), syntax=BIG)
    assert (doc.root.get("Rows"), doc.root.get("Columns"), doc.root.get("PixelRepresentation")) == ("2", "2", "1")
    doc.root.set("Rows", 3)
    assert doc.root.get("Rows") == "3"
    assert edited_bytes(doc).startswith(element(0x00280010, "US", b"\0\3", BIG))
    doc.root.set("SmallestImagePixelValue", -2)
    assert element(0x00280106, "SS", b"\xff\xfe", BIG) in edited_bytes(doc), "signed, as Pixel Representation says"


def test_a_private_element_that_is_there_and_no_sequence_is_not_called_absent(tmp_path):
    root = document(tmp_path, element(0x00111005, "UN", b"\x01\x02")).root
    for edit in (lambda: root.append("0011,1005"), lambda: root.set("0011,1005[1].CodeValue", "5")):
        with pytest.raises(DatasetError, match="0011,1005 is no sequence, its VR is UN"):
            edit()
    with pytest.raises(DatasetError, match="0011,1006 is not there"):
        root.append("0011,1006")

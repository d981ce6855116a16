"""How two files differ: in order, into sequences and private blocks, with nothing left out."""

import copy

import pytest
from pydicom.dataset import Dataset

from scripts_app.core.dataset import difference
from scripts_app.core.dataset.difference import differing
from scripts_app.core.dataset.document import Document
from tests.images import image, write


@pytest.fixture
def compared(tmp_path):
    """Compare an image with what is left of it when somebody has edited it."""

    def compare(edit, original=None):
        before = original or image("CT")
        after = copy.deepcopy(before)
        edit(after)
        paths = write(before, tmp_path / "before.dcm"), write(after, tmp_path / "after.dcm")
        with Document.open(paths[0]) as old, Document.open(paths[1]) as new:
            return differing(old, new)

    return compare


def told(compared, edit, original=None):
    rows, cut = compared(edit, original)
    assert not cut
    return [(row.kind, row.path, row.old, row.new) for row in rows]


def referenced(*uids):
    items = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPInstanceUID = uid
        items.append(item)
    return items


def test_files_that_are_equal_do_not_differ(compared):
    assert told(compared, lambda dataset: None) == []


def test_rows_stand_in_the_order_of_the_data_set_whatever_was_edited_first(compared):
    def edit(dataset):
        dataset.PatientID = "9"
        del dataset.StudyDate
        dataset.AccessionNumber = "A-9"
        dataset.StationName = "CT 1"

    assert told(compared, edit) == [
        ("removed", "0008,0020", "20260101", None),
        ("changed", "0008,0050", "A1", "A-9"),
        ("added", "0008,1010", None, "CT 1"),
        ("changed", "0010,0020", "T-1", "9"),
    ]


def test_keyword_and_vr_stand_beside_the_values(compared):
    rows, _ = compared(lambda dataset: setattr(dataset, "PatientID", "9"))
    assert [(row.keyword, row.vr, row.creator) for row in rows] == [("PatientID", "LO", "")]


def test_another_vr_is_a_difference_even_with_the_same_bytes(compared):
    rows, _ = compared(lambda dataset: dataset.add_new(0x00080050, "LO", "A1"))
    assert [(row.kind, row.path, row.vr) for row in rows] == [("changed", "0008,0050", "SH -> LO")]


def test_a_private_element_is_told_with_its_creator(compared):
    rows, _ = compared(lambda dataset: dataset.add_new(0x00111001, "LO", "other"))
    assert [(row.path, row.creator, row.old, row.new) for row in rows] == [
        ("0011,1001", "CAPACITOR TEST", "private 1", "other")
    ]


def test_pixels_that_differ_in_one_byte_are_told_by_their_length(compared):
    rows = told(compared, lambda dataset: setattr(dataset, "PixelData", b"\xff" + dataset.PixelData[1:]))
    assert rows == [("changed", "7FE0,0010", "<2048 bytes>", "<2048 bytes>")]


def test_an_edit_inside_an_item_is_told_at_its_place(compared):
    def edit(dataset):
        dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2"

    ((kind, path, _, new),) = told(compared, edit)
    assert (kind, path, new) == ("changed", "0008,1140[1].0008,1155", "1.2")


def test_of_an_item_that_was_removed_in_front_the_others_stay_the_same(compared):
    original = image("CT", ReferencedStudySequence=referenced("1.1", "1.2", "1.3"))
    assert told(compared, lambda dataset: dataset.ReferencedStudySequence.pop(0), original) == [
        ("removed", "0008,1110[1]", "<item with 1 elements>", None),
        ("removed", "0008,1110[1].0008,1155", "1.1", None),
    ]


def test_an_item_that_was_added_is_told_with_its_elements(compared):
    original = image("CT", ReferencedStudySequence=referenced("1.1"))
    assert told(compared, lambda dataset: dataset.ReferencedStudySequence.extend(referenced("1.9")), original) == [
        ("added", "0008,1110[2]", None, "<item with 1 elements>"),
        ("added", "0008,1110[2].0008,1155", None, "1.9"),
    ]


def test_a_sequence_that_is_gone_is_told_with_everything_in_it(compared):
    rows = told(compared, lambda dataset: dataset.pop("ReferencedImageSequence"))
    assert [(kind, path) for kind, path, *_ in rows] == [
        ("removed", "0008,1140"),
        ("removed", "0008,1140[1].0008,1150"),
        ("removed", "0008,1140[1].0008,1155"),
    ]


def test_where_there_are_too_many_it_says_so(compared, monkeypatch):
    monkeypatch.setattr(difference, "MOST", 2)
    rows, cut = compared(lambda dataset: [dataset.pop(word) for word in ("PatientName", "PatientID", "Rows")])
    assert (len(rows), cut) == (2, True)

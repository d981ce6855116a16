"""What a script has removed stays removed, whichever items of it the script still holds."""

import pytest

from scripts_app.core.dataset.document import DatasetError
from tests.scripts_app.core.dataset.builders import ct, edited_bytes


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item.set("PatientName", "BACK"),
        lambda item: item.append("OtherPatientIDsSequence", {"PatientID": "BACK"}),
        lambda item: item.delete(),
    ],
    ids=["set", "append", "delete"],
)
def test_an_item_of_a_new_sequence_does_not_bring_the_removed_sequence_back(tmp_path, change):
    document = ct(tmp_path)
    received = edited_bytes(document)
    item, _ = document.root.append("ReferencedStudySequence", {"PatientName": "SECRET"})
    document.root.remove("ReferencedStudySequence")
    with pytest.raises(DatasetError, match="sequence 0008,1110 ReferencedStudySequence has been removed"):
        change(item)
    assert not document.root.exists("ReferencedStudySequence")
    assert edited_bytes(document) == received


def test_nor_does_one_further_down(tmp_path):
    document = ct(tmp_path)
    outer, _ = document.root.append("ReferencedStudySequence")
    inner, _ = outer.append("PurposeOfReferenceCodeSequence", {"CodeMeaning": "SECRET"})
    outer.remove("PurposeOfReferenceCodeSequence")
    with pytest.raises(DatasetError, match="PurposeOfReferenceCodeSequence has been removed"):
        inner.set("CodeMeaning", "BACK")
    document.root.remove("ReferencedStudySequence")
    with pytest.raises(DatasetError, match="ReferencedStudySequence has been removed"):
        outer.set("PatientName", "BACK")
    assert document.recipe() is None


def test_of_a_sequence_that_is_made_again_only_the_new_items_count(tmp_path):
    root = ct(tmp_path).root
    old, _ = root.append("ReferencedStudySequence", {"PatientName": "OLD"})
    root.remove("ReferencedStudySequence")
    new, _ = root.append("ReferencedStudySequence", {"PatientName": "NEW"})
    with pytest.raises(DatasetError, match="has been removed or replaced"):
        old.set("PatientName", "BACK")
    new.set("PatientName", "NEWER")
    assert root.get("ReferencedStudySequence.PatientName") == "NEWER"

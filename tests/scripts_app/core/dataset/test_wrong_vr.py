"""Elements with another VR than the dictionary has: kept as they came, and put right by Remove and Set."""

import pytest

from scripts_app.core.dataset.document import DatasetError
from tests.scripts_app.core.dataset.builders import document, edited_bytes, element


@pytest.mark.parametrize(
    "received, path, value, written",
    [
        (element(0x00100020, "OB", b"ID"), "PatientID", "NEW1", element(0x00100020, "LO", "NEW1")),
        (element(0x00104000, "SQ", b""), "PatientComments", "said", element(0x00104000, "LT", "said")),
        (element(0x00280010, "SS", b"\x05\x00"), "Rows", 40000, element(0x00280010, "US", b"\x40\x9c")),
        # The dictionary does not know it, or leaves a choice.
        (element(0x00101999, "LO", "kept"), "0010,1999", "anew", element(0x00101999, "LO", "anew")),
        (element(0x00280106, "SS", b"\x05\x00"), "0028,0106", -2, element(0x00280106, "SS", b"\xfe\xff")),
    ],
    ids=["binary", "sequence", "signed", "unknown", "choice"],
)
def test_what_was_removed_is_set_with_the_vr_of_the_dictionary(tmp_path, received, path, value, written):
    doc = document(tmp_path, received)
    doc.root.remove(path)
    assert doc.root.get(path) is None
    doc.root.set(path, value)
    assert edited_bytes(doc) == written


def test_what_was_not_removed_keeps_its_vr(tmp_path):
    doc = document(tmp_path, element(0x00100010, "LO", "A^B ") + element(0x00100020, "OB", b"ID"))
    doc.root.set("PatientName", "C^D")
    with pytest.raises(DatasetError, match="is binary"):
        doc.root.set("PatientID", "NEW1")
    assert edited_bytes(doc) == element(0x00100010, "LO", "C^D ") + element(0x00100020, "OB", b"ID")

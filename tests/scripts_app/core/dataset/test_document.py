import subprocess
import sys
import textwrap

import pytest

from scripts_app.core.dataset.document import DatasetError, Document
from scripts_app.core.dataset.recipe import Recipe, joined
from tests.scripts_app.core.dataset.builders import ct, document, edited_bytes, element, part10


def test_rolled_back_edits_leave_no_trace_and_marks_nest(tmp_path):
    doc = ct(tmp_path)
    root = doc.root
    root.set("PatientID", "kept")
    kept = edited_bytes(doc)
    outer = doc.mark()
    root.set("PatientID", "outer")
    root.set("0040,0275[2].0040,0007", "new item")
    inner = doc.mark()
    root.set("PatientID", "inner")
    root.remove("0040,0275[1]")
    root.append("0008,1140")
    root.remove("0008,1140[1]")
    root.set("PatientName", "山")
    doc.rollback(inner)
    assert root.get("PatientID") == "outer"
    assert root.count("0040,0275") == 2 and root.count("0008,1140") == 2
    assert root.get("0008,0005") == "ISO_IR 100"
    doc.rollback(outer)
    assert edited_bytes(doc) == kept
    assert root.get("PatientID") == "kept"
    assert root.exists("0008,0000"), "the group length is back too"


def test_an_item_of_a_rolled_back_sequence_cannot_be_changed(tmp_path):
    doc = ct(tmp_path)
    mark = doc.mark()
    view, _ = doc.root.append("ReferencedStudySequence", {"ReferencedSOPInstanceUID": "1.2"})
    doc.rollback(mark)
    with pytest.raises(DatasetError, match="has been removed"):
        view.set("ReferencedSOPInstanceUID", "1.3")
    assert doc.recipe() is None


def test_an_item_stays_valid_over_a_rollback(tmp_path):
    doc = ct(tmp_path)
    view = doc.root.select("0008,1140[1]")
    mark = doc.mark()
    view.set("0008,1155", "1.9")
    view.delete()
    doc.rollback(mark)
    assert view.get("0008,1155") == "1.2.3.5"
    view.set("0008,1155", "1.8")
    assert doc.root.get("0008,1140[1].0008,1155") == "1.8"


def test_a_clone_and_its_origin_do_not_see_each_others_edits(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("PatientID", "before")
    doc.root.set("0008,1140[1].0008,1155", "1.1")
    clone = doc.clone()
    clone.root.set("PatientID", "clone")
    clone.root.set("0008,1140[1].0008,1155", "1.2")
    clone.root.append("0008,1140")
    doc.root.set("PatientName", "origin")
    doc.root.remove("0008,1140[2]")
    assert (doc.root.get("PatientID"), clone.root.get("PatientID")) == ("before", "clone")
    assert (doc.root.get("PatientName"), clone.root.get("PatientName")) == ("origin", "Doe^Jane")
    assert doc.root.get("0008,1140[1].0008,1155") == "1.1"
    assert clone.root.get("0008,1140[1].0008,1155") == "1.2"
    assert (doc.root.count("0008,1140"), clone.root.count("0008,1140")) == (1, 3)


def test_a_clone_can_be_rolled_back_on_its_own(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("PatientID", "before")
    clone = doc.clone()
    mark = clone.mark()
    clone.root.set("PatientID", "clone")
    clone.rollback(mark)
    assert clone.root.get("PatientID") == "before"


def test_the_identity_follows_the_edits(tmp_path):
    doc = ct(tmp_path)
    assert doc.identity().sop_instance_uid == "1.2.3.4"
    assert doc.identity().patient_name == "Doe^Jane"
    doc.root.set("SOPInstanceUID", "1.9")
    doc.root.set("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4")
    doc.root.remove("AccessionNumber")
    identity = doc.identity()
    assert (identity.sop_instance_uid, identity.sop_class_uid) == ("1.9", "1.2.840.10008.5.1.4.1.1.4")
    assert identity.accession_number == ""


def test_what_cannot_be_read_is_empty_in_the_identity(tmp_path):
    assert document(tmp_path, element(0x00100020, "OB", b"\0\1")).identity().patient_id == ""


def test_the_identity_follows_edits_and_their_rollback_however_often_it_is_asked(tmp_path):
    content = element(0x00080080, "LO", b"CLINIC") + element(0x00100010, "PN", b"Doe^Jane")
    doc = document(tmp_path, content)
    received = doc.identity()
    mark = doc.mark()
    doc.root.set("InstitutionName", "OTHER")
    assert doc.identity() == received
    doc.root.set("PatientName", "Roe^Ann")
    assert (doc.identity().patient_name, doc.clone().identity().patient_name) == ("Roe^Ann", "Roe^Ann")
    doc.rollback(mark)
    assert doc.identity() == received


def test_a_stored_recipe_gives_the_same_bytes(tmp_path):
    doc = ct(tmp_path)
    doc.root.set("PatientName", "山")
    doc.root.set("0008,1140[3].0008,1155", "1.2")
    recipe = doc.recipe()
    assert Recipe.loads(recipe.dumps()) == recipe
    assert recipe.length == len(edited_bytes(doc))


class Literal(bytes):
    """Bytes that nobody may copy for the sake of the next ones."""

    def __add__(self, other):
        raise AssertionError("copied for each of its neighbours")


def test_neighbours_are_melted_together_at_once():
    parts = [(0, 4), (4, 6), (6, 6), Literal(b"a"), (6, 6), Literal(b""), Literal(b"bc"), (9, 9), (6, 8), b"", (8, 9)]
    assert joined(parts).parts == ((0, 6), b"abc", (6, 9))
    assert joined([(0, 2), (3, 4), b"", (4, 5)]).parts == ((0, 2), (3, 5))
    assert joined([b"", (1, 1)]).parts == ()


def test_a_stored_recipe_that_is_cut_short_is_no_other_image():
    stored = Recipe(((0, 5), b"abc")).dumps()
    whole = {0, len(Recipe(((0, 5),)).dumps()), len(stored)}
    for end in set(range(len(stored))) - whole:
        with pytest.raises(ValueError, match="cut short"):
            Recipe.loads(stored[:end])


def test_a_closed_document_lets_go_of_its_file(tmp_path):
    with ct(tmp_path) as doc:
        doc.root.set("PatientID", "x")
    with pytest.raises(ValueError):
        doc.root.get("PatientName")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        Document.open(tmp_path / "none.dcm")


def test_a_gigabyte_of_pixels_is_never_read(tmp_path):
    path = tmp_path / "large.dcm"
    size = 1 << 30
    with open(path, "wb") as file:
        head = part10(element(0x00100010, "PN", "Doe"), element(0x7FE00010, "OW", b"", length=size))
        file.write(head)
        file.truncate(len(head) + size)
    script = """
        import resource, sys
        from pathlib import Path
        from scripts_app.core.dataset.document import Document
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        document = Document.open(Path(sys.argv[1]))
        document.root.set("PatientName", "Roe")
        document.root.set("PatientID", "P2")
        document.root.set("PatientName", "\\u5c71")
        document.root.to_table()
        clone = document.clone()
        clone.root.remove("PixelData")
        clone.recipe()
        assert document.recipe().length > 1 << 30
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20_000, "KiB of memory grown"

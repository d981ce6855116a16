"""What a receiver would stumble over, and what it must not learn: found, and nothing where all is well."""

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset as Pydicom
from pydicom.sequence import Sequence

from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.file_meta import encode_file_meta
from scripts_app.core.dataset.view import View
from scripts_app.core.lint.lint import Lint, head_of
from tests.builders import CT_IMAGE, EXPLICIT, ct_image
from tests.images import image, write


def opened(folder: Path, content: bytes | None = None) -> Document:
    path = folder / "image.dcm"
    if content is None:
        write(image("CT"), path)
    else:
        path.write_bytes(encode_file_meta(CT_IMAGE, "1.2.3.4.5", EXPLICIT) + content)
    return Document.open(path)


def found(document: Document, edit=lambda view: None, *, rule: str = "", old: bool = False, **options):
    """Findings of what the edit makes of the document: path, keyword and message, those it had already left out."""
    clone = document.clone()
    edit(clone.root)
    told = Lint(head_of(document, None)).look_over(head_of(document, clone.recipe()), **options)
    return [
        (each.keyword or each.path, each.message) for each, was_so in told if was_so is old and rule in ("", each.rule)
    ]


def said(document: Document, edit=lambda view: None, **options) -> str:
    return "\n".join(f"{keyword} {message}" for keyword, message in found(document, edit, **options))


def setting(**elements):
    def edit(view: View) -> None:
        for keyword, value in elements.items():
            view.set(keyword, value)

    return edit


def removing(*keywords):
    def edit(view: View) -> None:
        for keyword in keywords:
            view.remove(keyword)

    return edit


def test_an_image_that_no_script_changed_has_no_new_finding(tmp_path):
    with opened(tmp_path) as document:
        assert found(document) == []


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "ExplVR_BigEnd.dcm", "priv_SQ.dcm"])
def test_pydicom_s_own_files_are_read_to_the_end_without_new_findings(name):
    with Document.open(Path(str(get_testdata_file(name, download=False)))) as document:
        assert found(document) == []


def test_characters_that_the_claimed_set_does_not_explain_are_found(tmp_path):
    latin = "Müller".encode("latin-1")
    broken = {
        None: (latin, "holds other characters than ASCII, and there is no SpecificCharacterSet"),
        "ISO_IR 192": (latin, "holds bytes that ISO_IR 192 does not explain"),
        "ISO_IR 100": ("Müller".encode(), "holds what looks like Unicode (UTF-8), and the image claims ISO_IR 100"),
    }
    for charset, (name, message) in broken.items():
        plain = ct_image(SpecificCharacterSet=charset, PatientName="X" * len(name))
        content = plain.replace(b"X" * len(name), name)
        with opened(tmp_path, content) as document:
            assert ("PatientName", message) in found(document, old=True)


@pytest.mark.parametrize(
    ("charset", "name"), [("ISO_IR 100", "Müller"), ("ISO_IR 192", "Müller"), ("ISO_IR 192", "山田"), ("GB18030", "毛")]
)
def test_characters_of_the_claimed_set_are_no_finding(tmp_path, charset, name):
    with opened(tmp_path, ct_image(SpecificCharacterSet=charset, PatientName=name)) as document:
        assert "PatientName" not in said(document, old=True)
        assert "PatientName" not in said(document, setting(PatientName=f"{name}^X"))


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("StudyDate", "yesterday", "is not a value of DA"),
        ("PatientID", "P" * 65, "is longer than 64 characters, the most of LO"),
        ("PatientName", "A^B^C^D^E^F", "is no name"),
        ("StudyInstanceUID", "1.02.3", "is not a value of UI"),
        ("Modality", "ct", "is not a value of CS"),
    ],
)
def test_a_value_that_breaks_its_vr_is_found_without_being_quoted(tmp_path, keyword, value, message):
    with opened(tmp_path, ct_image(**{keyword: value})) as document:
        told = said(document, old=True, rule="value")
    assert f"{keyword} {message}" in told
    assert value not in told


def test_a_value_of_odd_length_and_numbers_that_are_cut_are_found(tmp_path):
    odd = ct_image().replace(b"\x10\x00\x20\x00LO\x04\x00T-1 ", b"\x10\x00\x20\x00LO\x03\x00T-1")
    with opened(tmp_path, odd) as document:
        assert ("PatientID", "has an odd length, 3 bytes") in found(document, old=True)
    cut = ct_image(RecommendedDisplayFrameRateInFloat=1.0)
    cut = cut.replace(b"FL\x04\x00\x00\x00\x80\x3f", b"FL\x02\x00\x80\x3f")
    with opened(tmp_path, cut) as document:
        assert "has 2 bytes, values of FL have 4 each" in said(document, old=True)


def test_what_was_received_so_is_told_apart_from_what_the_scripts_made(tmp_path):
    with opened(tmp_path, ct_image(StudyDate="yesterday")) as document:
        assert "StudyDate" in said(document, old=True, rule="value")
        assert "StudyDate" not in said(document, rule="value")


def test_another_vr_than_the_dictionary_s_is_found(tmp_path):
    content = ct_image().replace(b"\x10\x00\x20\x00LO", b"\x10\x00\x20\x00SH")
    with opened(tmp_path, content) as document:
        assert ("PatientID", "has the VR SH, which is LO in the data dictionary") in found(document, old=True)


def test_missing_and_empty_elements_are_found(tmp_path):
    with opened(tmp_path) as document:
        told = said(document, removing("Modality", "Rows", "PatientName"), rule="required")
        assert "Modality is missing, and must be there with a value (type 1)" in told
        assert "Rows is missing" in told
        assert "PatientName is missing, and must be there, if only empty (type 2)" in told
        assert "Modality is empty" in said(document, setting(Modality=""), rule="required")


def test_a_study_that_changes_without_its_series_and_a_series_without_its_image_are_found(tmp_path):
    with opened(tmp_path) as document:
        assert "would belong to two studies" in said(document, setting(StudyInstanceUID="1.9"), rule="uid")
        told = said(document, setting(StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1"), rule="uid")
        assert "SOPInstanceUID is that of the received image, which would belong to two series" in told
        same = {"StudyInstanceUID": "1.9", "SeriesInstanceUID": "1.9", "SOPInstanceUID": "1.9.2"}
        assert "must have UIDs of their own" in said(document, setting(**same))


def test_a_new_study_is_no_surprise_when_the_scripts_keep_its_uid_for_the_other_images(tmp_path):
    new = {"StudyInstanceUID": "1.9", "SeriesInstanceUID": "1.9.1", "SOPInstanceUID": "1.9.2"}
    with opened(tmp_path) as document:
        assert "the study falls apart" in said(document, setting(**new), rule="uid")
        assert said(document, setting(**new), rule="uid", kept=frozenset(("1.9", "1.9.1"))) == ""


def test_a_reference_that_still_names_a_replaced_uid_is_found(tmp_path):
    referred = Pydicom()
    referred.ReferencedSOPInstanceUID = "1.2.3"
    content = ct_image(ReferencedStudySequence=Sequence([referred]))
    new = {"StudyInstanceUID": "1.9", "SeriesInstanceUID": "1.9.1", "SOPInstanceUID": "1.9.2"}
    with opened(tmp_path, content) as document:
        told = said(document, setting(**new), rule="uid")
        assert "ReferencedSOPInstanceUID still names the received 0020,000D StudyInstanceUID" in told
        assert "still names" not in said(document)


def test_a_patient_that_changes_within_a_study_is_found(tmp_path):
    with opened(tmp_path) as document:
        assert "one study of two patients" in said(document, setting(PatientID="OTHER"), rule="patient")


def clean(view: View) -> None:
    """Enough for the small image of ct_image."""
    for keyword in ("PatientName", "PatientID", "AccessionNumber"):
        view.set(keyword, "ANON")
    for number, keyword in enumerate(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")):
        view.set(keyword, f"1.9.{number}")
    view.set("PatientIdentityRemoved", "YES")
    view.set("BurnedInAnnotation", "NO")


def test_a_copy_without_identifiers_is_fit_for_a_node_that_wants_it_so(tmp_path):
    with opened(tmp_path, ct_image()) as document:
        assert said(document, clean, rule="identifier", deidentified=True) == ""
        assert said(document, rule="identifier") == ""


@pytest.mark.parametrize(
    ("elements", "keyword", "message"),
    [
        ({"InstitutionName": "St. Nowhere"}, "InstitutionName", "is still what was received"),
        ({"StudyComments": "as Anna said"}, "StudyComments", "is still what was received"),
        ({"ImageType": ["ORIGINAL", "TESTANNA"], "PatientName": "TESTANNA"}, "ImageType", "the received PatientName"),
        (
            {"SpecificCharacterSet": "ISO_IR 144", "PatientName": "Дюйм", "ContributionDescription": "и Дюйм"},
            "ContributionDescription",
            "the received PatientName",
        ),
    ],
)
def test_an_identifier_that_is_left_in_a_deidentified_copy_is_found(tmp_path, elements, keyword, message):
    with opened(tmp_path, ct_image(**elements)) as document:
        told = said(document, clean, rule="identifier", deidentified=True)
    assert keyword in told
    assert message in told


def test_private_elements_and_identifiers_inside_sequences_are_found_too(tmp_path):
    inside = Pydicom()
    inside.PatientID = "T-1"
    inside.RequestedProcedureDescription = "of Anna"
    inside.add_new(0x00091010, "LO", "X")
    inside.add_new(0x00090010, "LO", "VENDOR")
    with opened(tmp_path, ct_image(RequestAttributesSequence=Sequence([inside]))) as document:
        told = said(document, clean, rule="identifier", deidentified=True)
    assert "0040,0275[1].0009,xxxx 1 private element: nobody knows what it tells" in told
    assert "PatientID is still what was received" in told
    assert "RequestedProcedureDescription is still what was received" in told


def test_uids_and_marks_of_a_deidentified_copy_are_looked_at(tmp_path):
    with opened(tmp_path, ct_image()) as document:
        told = said(document, setting(PatientName="ANON"), rule="identifier", deidentified=True)
    assert "StudyInstanceUID is still the received one" in told
    assert "PatientIdentityRemoved does not say YES" in told
    assert "BurnedInAnnotation does not say NO" in told


def test_an_image_larger_than_what_is_looked_at_counts_as_having_its_pixels(tmp_path):
    with opened(tmp_path, ct_image(PixelData=bytes(9 << 20))) as document:
        assert "Rows is missing" in said(document, old=True, rule="required")
        assert found(document, setting(PatientName="X")) == []

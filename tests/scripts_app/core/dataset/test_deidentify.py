"""De-identification: what may tell of a person goes, in sequences and private blocks too; a study stays together."""

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from scripts_app.core.dataset.deidentify import METHOD, NotDeidentifiable, deidentify
from scripts_app.core.dataset.document import Document
from scripts_app.core.dataset.slow_path import write_part10
from tests.images import image, write

SECRET = "TELLTALE"


@pytest.fixture
def cleaned(tmp_path):
    def clean(dataset, key=b"key"):
        path, target = write(dataset, tmp_path / "in.dcm"), tmp_path / "out.dcm"
        with Document.open(path) as document:
            report = deidentify(document, key)
            write_part10(path, document.recipe(), document.identity(), document.transfer_syntax_uid, target)
        return dcmread(target), report

    return clean


def telling(**elements):
    """An image with the same word in every place that may hold one."""
    item = Dataset()
    item.PatientName = f"{SECRET}^IN AN ITEM"
    item.CodeMeaning = "kept"
    item.add_new(0x00111001, "LO", f"{SECRET} private in an item")
    dataset = image(
        "CT",
        PatientName=SECRET,
        PatientID=f"{SECRET}-1",
        OtherPatientIDs=SECRET,
        PatientComments=SECRET,
        StudyDescription=SECRET,
        InstitutionName=SECRET,
        InstitutionAddress=SECRET,
        ReferringPhysicianName=SECRET,
        StationName=SECRET,
        RetrieveAETitle=SECRET,
        AdmissionID=SECRET,
        ImageComments=SECRET,
        PatientWeight=81,
        Manufacturer="MAKER",
        PerformedProtocolCodeSequence=[item],
    )
    dataset.add_new(0x60000010, "US", 1)
    dataset.add_new(0x60004000, "LT", SECRET)
    dataset.add_new(0x00111002, "LO", SECRET)
    dataset.add_new(0x00091234, "UN", SECRET.encode())
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def test_the_word_is_nowhere_in_the_file(cleaned, tmp_path):
    cleaned(telling())
    assert SECRET.encode() not in (tmp_path / "out.dcm").read_bytes()


def test_what_must_be_there_is_there_and_what_is_technical_stays(cleaned):
    made, _ = cleaned(telling())
    assert (made.PatientName, made.PatientBirthDate, made.StudyDate) == ("ANONYMOUS", "19000101", "19000101")
    assert made.PatientID.startswith("ANON-")
    assert (made.Manufacturer, made.Modality, made.Rows) == ("MAKER", "CT", 32)
    assert made.PerformedProtocolCodeSequence[0].CodeMeaning == "kept"
    assert made.SOPClassUID == image("CT").SOPClassUID
    assert "PatientWeight" not in made
    assert bytes(made.PixelData) == bytes(image("CT").PixelData)


def test_where_a_photograph_was_taken_is_gone(cleaned):
    made, _ = cleaned(telling(GPSLatitude=[48, 12, "30.5"], GPSLatitudeRef="N", GPSAltitude="170"))
    assert not [element for element in made if element.keyword.startswith("GPS")]


def test_it_says_so_in_the_file(cleaned):
    made, _ = cleaned(telling(DeidentificationMethod="something else"))
    assert (made.PatientIdentityRemoved, made.DeidentificationMethod) == ("YES", METHOD)


def test_private_elements_are_gone_with_their_creators(cleaned):
    made, report = cleaned(telling())
    assert not [element for element in made.iterall() if element.tag.is_private]
    assert report.private >= 4


def test_a_uid_is_the_same_wherever_it_stands_and_another_than_before(cleaned):
    original = telling()
    original.ReferencedImageSequence[0].ReferencedSOPInstanceUID = original.SOPInstanceUID
    made, report = cleaned(original)
    assert made.SOPInstanceUID != original.SOPInstanceUID
    assert made.ReferencedImageSequence[0].ReferencedSOPInstanceUID == made.SOPInstanceUID
    assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
    assert made.SOPInstanceUID.is_valid
    assert report.uids >= 4


def test_two_images_of_a_study_stay_in_one_study_with_one_key_and_part_with_another(cleaned):
    first, _ = cleaned(image("CT", 1))
    second, _ = cleaned(image("CT", 2))
    other, _ = cleaned(image("CT", 1), key=b"another")
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.PatientID == second.PatientID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.StudyInstanceUID != other.StudyInstanceUID


def test_what_is_not_looked_at_is_told(cleaned):
    _, report = cleaned(telling())
    assert report.kept == ["the pixels, with whatever is written in them"]


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"BurnedInAnnotation": "YES"}, "text stands in the pixels"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "a document"),
    ],
)
def test_what_these_rules_do_not_reach_is_refused(cleaned, elements, words):
    with pytest.raises(NotDeidentifiable, match=words):
        cleaned(image("CT", **elements))


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "test-SR.dcm", "JPEG2000.dcm", "MR_small_implicit.dcm"]
)
def test_real_structures_come_through_and_can_be_read(name, tmp_path):
    path, target = get_testdata_file(name), tmp_path / "out.dcm"
    before = dcmread(path)
    with Document.open(path) as document:
        deidentify(document, b"key")
        write_part10(path, document.recipe(), document.identity(), document.transfer_syntax_uid, target)
    after = dcmread(target)
    names = {str(element.value) for element in before.iterall() if element.VR == "PN" and element.value}
    left = {str(element.value) for element in after.iterall() if element.VR not in ("SQ", "OB", "OW")}
    assert not {name for name in names if len(name) > 3} & left

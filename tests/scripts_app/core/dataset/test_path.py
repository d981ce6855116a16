import pytest

from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.path import Step, parsed


@pytest.mark.parametrize(
    "path, steps",
    [
        ("PatientName", (Step(0x00100010),)),
        ("0010,0010", (Step(0x00100010),)),
        ("00100010", (Step(0x00100010),)),
        ("(0010,0010)", (Step(0x00100010),)),
        ("7fe0,0010", (Step(0x7FE00010),)),
        (" PatientName ", (Step(0x00100010),)),
        ("ReferencedImageSequence[2].ReferencedSOPInstanceUID", (Step(0x00081140, 2), Step(0x00081155))),
        ("0008,1140[2].0008,1155", (Step(0x00081140, 2), Step(0x00081155))),
        ("ReferencedImageSequence[ 1 ]", (Step(0x00081140, 1),)),
        (
            "OtherPatientIDsSequence[PatientID='A.B]=C'].IssuerOfPatientID",
            (Step(0x00101002, selector=0x00100020, value="A.B]=C"), Step(0x00100021)),
        ),
        ('0010,1002[0010,0020="it\'s"]', (Step(0x00101002, selector=0x00100020, value="it's"),)),
        ("0010,1002[PatientID='']", (Step(0x00101002, selector=0x00100020, value=""),)),
    ],
)
def test_a_path_is_read(path, steps):
    assert parsed(path) == steps


@pytest.mark.parametrize(
    "path, words",
    [
        ("PatientNam", "nearest is 'PatientName'"),
        ("patientname", "nearest is 'PatientName'"),
        ("", "Sequence[1].Tag"),
        (".", "cannot be read"),
        ("PatientName.", "cannot be read"),
        ("0008,1140[0].0008,1155", "the first one is [1]"),
        ("0008,1140[-1]", "the first one is [1]"),
        ("0008,1140[99999999999999999999]", "no item"),
        ("0008,1140[PatientID=A]", "Sequence[Tag='value']"),
        ("0008,1140[1]x", "cannot be read"),
        ("0008,1140[", "cannot be read"),
        ("001,0010", "no keyword"),
        ("PatientName." * 80 + "PatientName", "deeper than 64"),
    ],
)
def test_a_bad_path_says_what_would_do(path, words):
    with pytest.raises(DatasetError) as error:
        parsed(path)
    assert words in str(error.value)

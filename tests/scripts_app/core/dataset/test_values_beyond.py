"""Values that a VR holds up to a bound, or in one form only: what is beyond is refused and never becomes another."""

import pytest

from scripts_app.core.dataset.document import DatasetError
from tests.scripts_app.core.dataset.builders import ct


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("RealWorldValueSlope", "1e400", "'1e400' is not a value of FD, numbers"),
        ("RealWorldValueSlope", ["1", "-1e999"], "is not a value of FD, numbers"),
        ("RecommendedDisplayFrameRateInFloat", "1e400", "is not a value of FL, numbers that 32 bits can hold"),
        ("FrameIncrementPointer", 0x04000561, "takes a tag such as '0018,1063' or a keyword, not the number 67110241"),
        ("FrameIncrementPointer", ["FrameTime", 20010010.0], "not the number 20010010.0"),
        ("RetrieveURL", "http://a/\nb", "without spaces and control characters$"),
        ("RetrieveURL", "http://a/\0", "without spaces and control characters$"),
        ("SelectorSVValue", 2.0**63, "'9223372036854775808' is not a value of SV, whole numbers from"),
        ("SelectorUVValue", -(2.0**53), "'-9007199254740992' is not a value of UV"),
        ("InstanceNumber", 1e22, "'10000000000000000000000' is not a value of IS"),
        ("SliceThickness", "9" * 400, "at most 16 characters$"),
        ("SOPInstanceUID", ["1.2.1", "1.2.2"], "0008,0018 SOPInstanceUID holds one UID only"),
        ("SOPClassUID", "1.2.1\\1.2.2", "holds one UID only"),
        ("StudyInstanceUID", "1.2.1\\", "holds one UID only"),
        ("SeriesInstanceUID", ["1.2.1", "1.2.2"], "holds one UID only"),
    ],
)
def test_what_a_vr_cannot_hold_is_refused(tmp_path, path, value, message):
    root = ct(tmp_path).root
    before = root.get(path)
    with pytest.raises(DatasetError, match=message):
        root.set(path, value)
    assert root.get(path) == before


@pytest.mark.parametrize(
    "path, value, read",
    [
        ("SelectorSVValue", 2.0**53, "9007199254740992"),
        ("SelectorSVValue", -(2.0**63), "-9223372036854775808"),
        (
            "SelectorUVValue",
            [2.0**63, 1e15, str(2**64 - 1)],
            "9223372036854775808\\1000000000000000\\18446744073709551615",
        ),
        ("RelatedGeneralSOPClassUID", ["1.2.1", "1.2.2"], "1.2.1\\1.2.2"),
        ("SliceThickness", 1e15, "1000000000000000"),
        ("SliceThickness", 2.0**60, "1.1529215046e+18"),
        ("RealWorldValueSlope", "inf\\-Infinity\\nan", "inf\\-inf\\nan"),
        ("RetrieveURL", "http://a/b\\c ", "http://a/b\\c"),
    ],
)
def test_what_it_can_hold_is_set_as_it_is_meant(tmp_path, path, value, read):
    root = ct(tmp_path).root
    root.set(path, value)
    assert root.get(path) == read


def test_a_name_of_more_than_three_component_groups_is_told(tmp_path):
    root = ct(tmp_path).root
    assert root.set("PatientName", "Wang=A=B").note == ""
    assert root.set("PatientName", "Wang=A\\Li=A=B=C").note == "4 component groups, PN allows 3"

"""A table in Lua has no order: Populate writes in the one that its tags need."""

import pytest

from tests.scripts_app.core.dataset.builders import ct, edited_bytes


def test_more_than_nine_items_by_their_numbers(tmp_path):
    root = ct(tmp_path).root
    path = "ReferencedStudySequence[{}].ReferencedSOPInstanceUID"
    root.populate({path.format(number): f"1.2.{number}" for number in sorted(range(1, 13), key=str)})
    assert [item.get("ReferencedSOPInstanceUID") for item in root.items("ReferencedStudySequence")] == [
        f"1.2.{number}" for number in range(1, 13)
    ]


def test_items_inside_items_too(tmp_path):
    root = ct(tmp_path).root
    path = "ReferencedStudySequence[{}].PurposeOfReferenceCodeSequence[{}].CodeValue"
    root.populate({path.format(2, 10): "last", **{path.format(1 + at // 9, 1 + at % 9): str(at) for at in range(18)}})
    assert root.get(path.format(2, 10)) == "last"
    assert root.count("ReferencedStudySequence[1].PurposeOfReferenceCodeSequence") == 9


@pytest.mark.parametrize("signed, vr", [(0, b"US"), (1, b"SS")])
def test_the_pixel_representation_counts_for_all_that_come_with_it(tmp_path, signed, vr):
    document = ct(tmp_path)
    root = document.root
    names = ("LargestPixelValueInSeries", "SmallestPixelValueInSeries")
    for name in (*names, "PixelRepresentation"):
        root.remove(name)
    root.populate({names[0]: 5, "PixelRepresentation": signed, names[1]: -signed})
    assert [root.get(name) for name in names] == ["5", str(-signed)]
    written = edited_bytes(document)
    assert all(tag + vr in written for tag in (b"\x28\x00\x08\x01", b"\x28\x00\x09\x01"))

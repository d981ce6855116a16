"""The same edits by Document and by pydicom give equal data sets, and untouched elements equal bytes."""

import io
import warnings

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword

from scripts_app.core.dataset.document import Document, NotIndexable
from scripts_app.core.dataset.file_meta import encode_file_meta
from tests.scripts_app.core.dataset.builders import edited_bytes, samples

VALUES = {
    "PatientName": st.sampled_from(["Roe^Richard", "A", ""]),
    "PatientID": st.text("ABC123 -", max_size=20).map(str.strip),
    "PatientSex": st.sampled_from(["F", "M", "O", ""]),
    "StudyDate": st.dates().map(lambda day: day.strftime("%Y%m%d").rjust(8, "0")),
    "StudyInstanceUID": st.integers(1, 2**100).map(lambda number: f"2.25.{number}"),
    "SOPInstanceUID": st.integers(1, 2**100).map(lambda number: f"2.25.{number}"),
    "InstanceNumber": st.integers(-(2**31), 2**31 - 1),
    "SliceThickness": st.sampled_from([1, 0.5, 12.25]),
    "PixelSpacing": st.lists(st.sampled_from([1, 0.5, 12.25]), min_size=2, max_size=2),
    "AcquisitionMatrix": st.lists(st.integers(0, 65535), min_size=4, max_size=4),
    "ImageComments": st.text("ab c", max_size=40).map(str.strip),
    "EffectiveDuration": st.floats(0, 1e6).map(lambda number: round(number, 3)),
    "ReferencedImageSequence.ReferencedSOPInstanceUID": st.integers(1, 2**60).map(lambda n: f"2.25.{n}"),
    "RequestAttributesSequence.ScheduledProcedureStepID": st.text("XYZ", min_size=1, max_size=9),
}
EDIT = st.one_of(
    *[st.tuples(st.just("set"), st.just(keyword), values) for keyword, values in VALUES.items()],
    st.tuples(st.just("remove"), st.sampled_from([*(k for k in VALUES if "." not in k), "PixelData"]), st.none()),
)


def indexable():
    paths = []
    for path in samples():
        try:
            Document.open(path).close()
        except NotIndexable:
            continue
        paths.append(path)
    return paths


PATHS = indexable()


def read(content: bytes) -> pydicom.Dataset:
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    for _ in dataset.iterall():
        pass
    return dataset


def apply(dataset: pydicom.Dataset, operation: str, keyword: str, value: object) -> None:
    if operation == "remove":
        dataset.pop(tag_for_keyword(keyword), None)
        return
    first, _, last = keyword.rpartition(".")
    if first:
        if not dataset.get(first):
            setattr(dataset, first, [pydicom.Dataset()])
        dataset = dataset[first].value[0]
    dataset.add_new(tag_for_keyword(last), dictionary_VR(last), value)


def without_group_lengths(dataset: pydicom.Dataset) -> pydicom.Dataset:
    for element in list(dataset):
        if element.tag.element == 0:
            del dataset[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                without_group_lengths(item)
    return dataset


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(path=st.sampled_from(PATHS), edits=st.lists(EDIT, min_size=1, max_size=8))
def test_random_edits_come_to_the_same(path, edits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pydicom.dcmread(path)
        for _ in expected.iterall():
            pass
        with Document.open(path) as document:
            for operation, keyword, value in edits:
                if operation == "remove":
                    document.root.remove(keyword)
                else:
                    first, dot, last = keyword.rpartition(".")
                    document.root.set(f"{first}[1].{last}" if dot else keyword, value)
                apply(expected, operation, keyword, value)
            content = edited_bytes(document)
            meta = encode_file_meta("1.2", "1.2.3", document.transfer_syntax_uid)
        found = without_group_lengths(read(meta + content))
        expected = without_group_lengths(expected)
        assert [element.tag for element in found] == [element.tag for element in expected]
        for one, other in zip(found, expected, strict=True):
            assert one.VR == other.VR, one.tag
            assert one.value == other.value or (one.is_empty and other.is_empty), one.tag


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_text_of_every_bundled_file_reads_as_pydicom_reads_it(path):
    with warnings.catch_warnings(), Document.open(path) as document:
        warnings.simplefilter("ignore")
        for element in pydicom.dcmread(path):
            if element.VR in ("LO", "SH", "PN", "CS", "UI", "DA", "TM", "ST", "LT", "UT") and not element.is_empty:
                value = element.value
                values = value if element.VM > 1 else [value]
                expected = "\\".join(str(each) for each in values)
                found = document.root.get(f"{element.tag.group:04x}{element.tag.element:04x}")
                assert [part.strip() for part in found.split("\\")] == [
                    part.rstrip("\0").strip() for part in expected.split("\\")
                ], element.tag

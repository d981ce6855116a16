"""Synthetic studies are sound data sets of people who do not exist."""

import io
from datetime import datetime

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import UID

from routing.demo.images import MODALITIES, PATIENTS, Request, as_file, encoded, study
from scripts_app.core.dataset.file_meta import encode_file_meta

NOON = datetime(2026, 11, 20, 12)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_study_is_one_study_of_one_demo_patient_with_several_images(modality: str) -> None:
    images = study(Request(modality, "seed", NOON, patient=PATIENTS[2]))
    assert len(images) >= 3
    assert len({image.StudyInstanceUID for image in images}) == 1
    assert len({image.SOPInstanceUID for image in images}) == len(images)
    assert all(image.Modality == modality and str(image.PatientName).startswith("DEMO^") for image in images)
    series = {(image.SeriesInstanceUID, image.SeriesNumber) for image in images}
    assert len({uid for uid, _ in series}) == len({number for _, number in series}) >= 2
    assert all(UID(image.SOPInstanceUID).is_valid for image in images)


@pytest.mark.parametrize("modality", MODALITIES)
def test_pixels_can_be_read_and_show_something(modality: str) -> None:
    for image in study(Request(modality, "seed", NOON)):
        pixels = dcmread(io.BytesIO(as_file(image))).pixel_array
        assert len(np.unique(pixels)) > 20
        assert pixels.max() < 2**image.BitsStored


@pytest.mark.parametrize("modality", MODALITIES)
def test_compressed_images_hold_the_same_pixels(modality: str) -> None:
    image = study(Request(modality, "seed", NOON))[-1]
    syntax, content = encoded(image, rle=True)
    meta = encode_file_meta(image.SOPClassUID, image.SOPInstanceUID, syntax)
    back = dcmread(io.BytesIO(meta + content))
    assert np.array_equal(back.pixel_array, dcmread(io.BytesIO(as_file(image))).pixel_array)
    assert len(content) < len(encoded(image)[1])


def test_equal_seeds_make_equal_bytes_and_others_other_studies() -> None:
    first, again, other = (study(Request("CT", seed, NOON))[1] for seed in ("a", "a", "b"))
    assert encoded(first) == encoded(again)
    assert first.StudyInstanceUID != other.StudyInstanceUID


def test_names_beyond_ascii_survive() -> None:
    image = study(Request("US", "seed", NOON, patient=PATIENTS[3]))[0]
    assert str(dcmread(io.BytesIO(as_file(image))).PatientName) == "DEMO^DÖRTE"


def test_a_modality_may_know_no_accession_number() -> None:
    assert study(Request("US", "s", NOON, number=7))[0].AccessionNumber == "DA000007"
    assert study(Request("US", "s", NOON, accession_number=""))[0].AccessionNumber == ""

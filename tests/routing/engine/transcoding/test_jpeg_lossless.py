"""JPEG Lossless: the decoder of dcmtk, which the transcoder does not compare with, gets the same pixels."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import pixel_array

from routing.core.syntax_choice import EXPLICIT
from routing.engine.transcoding.jpeg_lossless import SYNTAXES
from routing.engine.transcoding.transcode import CannotTranscode
from scripts_app.core.dataset.file_meta import encode_file_meta
from tests.routing.engine.transcoding.transcoded import made_from, noise, read, sample, written

pytestmark = pytest.mark.integration

SAMPLES = ["CT_small.dcm", "SC_rgb_small_odd.dcm", "SC_rgb_rle_2frame.dcm", "ExplVR_BigEnd.dcm", "image_dfl.dcm"]
"""Signs, colours, frames, and frames of an odd number of bytes."""


def by_dcmtk(made: bytes, syntax: str, folder: Path) -> Dataset:
    (folder / "made.dcm").write_bytes(encode_file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", syntax) + made)
    # Lossless: dcmtk is not to turn YCbCr into RGB either.
    command = ["dcmdjpeg", "+cn", folder / "made.dcm", folder / "plain.dcm"]
    subprocess.run(command, check=True, capture_output=True)
    return dcmread(folder / "plain.dcm")


@pytest.mark.parametrize("after", sorted(SYNTAXES))
@pytest.mark.parametrize("name", SAMPLES)
def test_another_decoder_gets_the_same_pixels(transcoder, name, after, tmp_path):
    content, before = sample(name)
    made = by_dcmtk(made_from(transcoder, content, before, after), after, tmp_path)
    assert np.array_equal(pixel_array(made, raw=True), pixel_array(read(content, before), raw=True))


@pytest.mark.parametrize(
    ("rows", "columns", "stored", "allocated", "signed", "frames"),
    [
        (5, 7, 8, 8, 0, 3),
        (1, 1, 8, 8, 0, 1),
        (5, 7, 1, 8, 0, 1),
        (5, 7, 6, 8, 1, 2),
        (63, 61, 12, 16, 0, 1),
        (64, 64, 16, 16, 1, 2),
        (17, 2, 16, 16, 0, 1),
    ],
)
def test_every_sample_of_the_range_comes_back(transcoder, tmp_path, rows, columns, stored, allocated, signed, frames):
    image = noise(rows, columns, allocated=allocated, stored=stored, signed=signed, frames=frames)
    after = min(SYNTAXES)
    made = by_dcmtk(made_from(transcoder, written(image, EXPLICIT), EXPLICIT, after), after, tmp_path)
    assert np.array_equal(pixel_array(made, raw=True), pixel_array(read(written(image, EXPLICIT), EXPLICIT), raw=True))


@pytest.mark.parametrize("meant", ["RGB", "YBR_FULL"])
def test_readers_that_go_by_the_names_of_components_show_the_same_colours(transcoder, meant):
    content, before = sample("SC_rgb_small_odd.dcm")
    image = read(content, before)
    image.PhotometricInterpretation = meant
    after = min(SYNTAXES)
    made = read(made_from(transcoder, written(image, EXPLICIT), EXPLICIT, after), after)
    assert np.array_equal(pixel_array(made), pixel_array(read(written(image, EXPLICIT), EXPLICIT)))


def test_samples_of_32_bits_are_refused_and_the_process_goes_on(transcoder):
    image = written(noise(4, 4, allocated=32, stored=32), EXPLICIT)
    with pytest.raises(CannotTranscode, match="holds samples of 8 or 16 bits for every pixel, not 32 bits"):
        made_from(transcoder, image, EXPLICIT, min(SYNTAXES))
    content, before = sample("CT_small.dcm")
    assert made_from(transcoder, content, before, min(SYNTAXES))

"""JPEG 2000 of images that are too small for six resolution levels: another decoder gets the same pixels."""

import gdcm
import numpy as np
import pytest
from pydicom.pixels import pixel_array

from routing.core.syntax_choice import EXPLICIT
from routing.engine.transcoding.transcode import CannotTranscode
from scripts_app.core.dataset.file_meta import encode_file_meta
from tests.routing.engine.transcoding.transcoded import made_from, noise, read, written

pytestmark = pytest.mark.integration

JPEG_2000 = "1.2.840.10008.1.2.4.90"


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (1, 1), (1, 40), (40, 5), (31, 31), (32, 32)])
@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"signed": 1},
        {"allocated": 16, "stored": 16},
        {"allocated": 16, "stored": 16, "signed": 1},
        {"samples": 3},
    ],
)
def test_a_small_image_is_compressed_without_a_change(transcoder, tmp_path, rows, columns, kind):
    original = noise(rows, columns, **kind)
    made = made_from(transcoder, written(original, EXPLICIT), EXPLICIT, JPEG_2000)
    image = read(made, JPEG_2000)
    plain = read(written(original, EXPLICIT), EXPLICIT)
    assert np.array_equal(pixel_array(image, raw=True), pixel_array(plain, raw=True))
    assert image.PhotometricInterpretation == original.PhotometricInterpretation
    (tmp_path / "made.dcm").write_bytes(encode_file_meta(original.SOPClassUID, "1.2.3", JPEG_2000) + made)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(tmp_path / "made.dcm"))
    assert reader.Read()
    by_gdcm = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
    assert by_gdcm == original.PixelData[: len(by_gdcm)]
    assert len(by_gdcm) >= len(original.PixelData) - 1


def test_a_small_image_of_another_precision_is_refused_in_words(transcoder):
    content = written(noise(16, 16, allocated=16, stored=12), EXPLICIT)
    with pytest.raises(CannotTranscode, match=r"fewer than 32 rows or columns .* 12 of 16 bits"):
        made_from(transcoder, content, EXPLICIT, JPEG_2000)

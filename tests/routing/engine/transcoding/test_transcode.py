"""Transcoding in a process of its own: the same pixels, the same identity, within limits."""

import random

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array

from routing.core.syntax_choice import COMPRESSING, DEFLATED, EXPLICIT, IMPLICIT
from routing.engine.transcoding.transcode import CannotTranscode
from tests.routing.engine.transcoding.transcoded import BIG_ENDIAN, deflated, made_from, noise, read, sample, written
from tests.scripts_app.core.dataset.builders import element, item, sequence

pytestmark = pytest.mark.integration

RLE = "1.2.840.10008.1.2.5"
SAMPLES = [
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "ExplVR_BigEnd.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_jp2klossless.dcm",
    "J2K_pixelrep_mismatch.dcm",
    "JPEGLSNearLossless_08.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
]
"""In every transfer syntax that can be read, with signs, colours, frames and odd lengths."""


def image_part(image: Dataset) -> Dataset:
    """What an icon has of an image: how its pixels are written, and those."""
    icon = image.group_dataset(0x0028)
    icon["PixelData"] = image["PixelData"]
    return icon


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("after", [EXPLICIT, IMPLICIT, DEFLATED])
def test_what_can_be_decoded_comes_out_uncompressed_with_the_same_pixels_and_identity(transcoder, name, after):
    content, before = sample(name)
    original = read(content, before)
    made = read(made_from(transcoder, content, before, after), after)
    assert np.array_equal(pixel_array(made, raw=True), pixel_array(original, raw=True))
    assert made.SOPInstanceUID == original.SOPInstanceUID
    assert made.get("PatientName") == original.get("PatientName")


@pytest.mark.parametrize("after", sorted(COMPRESSING))
@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "ExplVR_BigEnd.dcm", "SC_rgb_rle_2frame.dcm"]
)
def test_what_is_compressed_decodes_to_the_same_pixels(transcoder, name, after):
    content, before = sample(name)
    made = read(made_from(transcoder, content, before, after), after)
    original = read(content, before)
    assert np.array_equal(pixel_array(made, raw=True), pixel_array(original, raw=True))
    assert made.SOPInstanceUID == original.SOPInstanceUID


@pytest.mark.parametrize("after", sorted(COMPRESSING))
@pytest.mark.parametrize("signed", [0, 1])
def test_samples_of_8_bits_stored_in_16_are_compressed_without_a_change(transcoder, after, signed):
    original = noise(40, 33, allocated=16, stored=8, signed=signed)
    content = written(original, EXPLICIT)
    made = read(made_from(transcoder, content, EXPLICIT, after), after)
    assert np.array_equal(pixel_array(made, raw=True), pixel_array(read(content, EXPLICIT), raw=True))
    assert (made.BitsAllocated, made.BitsStored, made.PixelRepresentation) == (16, 8, signed)


@pytest.mark.parametrize("after", [EXPLICIT, IMPLICIT])
def test_a_number_that_is_un_in_a_big_endian_file_stays_the_same_number(transcoder, after):
    """It is little endian there (PS3.5 6.2.2)."""
    numbers = element(0x00280010, "UN", b"\2\0", BIG_ENDIAN), element(0x00280011, "US", b"\0\2", BIG_ENDIAN)
    nested = sequence(0x00081140, [item(element(0x00280010, "UN", b"\3\0", BIG_ENDIAN), BIG_ENDIAN)], BIG_ENDIAN)
    content = element(0x00080018, "UI", "1.2.3", BIG_ENDIAN) + nested + b"".join(numbers)
    made = read(made_from(transcoder, content, BIG_ENDIAN, after), after)
    assert (made.Rows, made.Columns, made.ReferencedImageSequence[0].Rows) == (2, 2, 3)


def test_what_has_no_pixels_changes_its_encoding_only(transcoder):
    content, before = sample("reportsi.dcm")
    made = read(made_from(transcoder, content, before, IMPLICIT), IMPLICIT)
    assert made == read(content, before)


@pytest.mark.parametrize(
    ("name", "after", "words"),
    [
        ("reportsi.dcm", min(COMPRESSING), "no pixels"),
        ("JPEG-lossy.dcm", EXPLICIT, "decode"),
        ("MR_truncated.dcm", IMPLICIT, "NotIndexable"),
        ("rtdose_expb.dcm", EXPLICIT, "samples of 32 bits in big endian are written in two ways"),
    ],
)
def test_what_cannot_be_done_says_why_and_the_process_goes_on(transcoder, name, after, words):
    content, before = sample(name)
    with pytest.raises(CannotTranscode, match=words):
        made_from(transcoder, content, before, after)
    content, before = sample("CT_small.dcm")
    assert made_from(transcoder, content, before, IMPLICIT)


FIRST, SECOND = element(0x00081150, "UI", "1.2.840"), element(0x00081155, "UI", "9.8.7.6.5")
END_OF_ITEM, END_OF_SEQUENCE = b"\xfe\xff\x0d\xe0" + bytes(4), b"\xfe\xff\xdd\xe0" + bytes(4)
LEFT_OUT = {
    "an end of item outside of a sequence": END_OF_ITEM,
    "an element that stands twice": element(0x00080060, "CS", "OT") * 2,
    "an end of item inside an item": sequence(0x00081140, [item(FIRST + END_OF_ITEM + SECOND)]),
    "an element behind the last item": sequence(0x00081140, [item(FIRST), SECOND]),
    "an item behind the end of the sequence": sequence(0x00081140, [item(FIRST), END_OF_SEQUENCE, item(SECOND)]),
    "an element twice in an item": sequence(0x00081140, [item(SECOND + FIRST + SECOND)]),
    "an item cut short": sequence(0x00081140, [item(FIRST + SECOND[:6])]),
    "an element longer than its item": sequence(0x00081140, [item(element(0x00081155, "UI", "9.8", length=30))]),
    "one level further down": sequence(0x00081140, [item(sequence(0x00081199, [item(FIRST), SECOND]))]),
}
"""What makes pydicom pass over something that stands in the data set, without a word."""


@pytest.mark.parametrize("middle", LEFT_OUT.values(), ids=LEFT_OUT)
@pytest.mark.parametrize(("before", "after"), [(EXPLICIT, IMPLICIT), (EXPLICIT, DEFLATED), (DEFLATED, EXPLICIT)])
def test_what_would_be_left_out_is_refused(transcoder, middle, before, after):
    with pytest.raises(CannotTranscode):
        made_from(transcoder, packed(image(middle), before), before, after)


def test_a_deflated_data_set_that_is_cut_short_is_refused(transcoder):
    cut = image(b"")[:-100]
    with pytest.raises(CannotTranscode, match=r"7FE0,0010 .* claims 512 bytes, 412 are left"):
        made_from(transcoder, packed(cut, DEFLATED), DEFLATED, EXPLICIT)
    with pytest.raises(CannotTranscode):
        made_from(transcoder, packed(image(b""), DEFLATED)[:-20], DEFLATED, EXPLICIT)


@pytest.mark.parametrize(
    "entries",
    [
        [item(FIRST + SECOND + END_OF_ITEM), END_OF_SEQUENCE],
        [item(FIRST + SECOND, undefined=True), END_OF_SEQUENCE],
        [item(FIRST + SECOND + sequence(0x00081199, [item(FIRST)], undefined=True))],
        [item(FIRST + SECOND + sequence(0x00081199, [item(FIRST, undefined=True)]))],
    ],
    ids=["an item and its sequence", "a sequence", "of a sequence inside the item", "of an item inside the item"],
)
def test_delimiters_where_lengths_are_told_lose_nothing_and_are_no_obstacle(transcoder, entries):
    middle = sequence(0x00081140, entries)
    made = read(made_from(transcoder, image(middle), EXPLICIT, IMPLICIT), IMPLICIT)
    assert made.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "9.8.7.6.5"
    assert made.PixelData == bytes(512)


def image(middle: bytes) -> bytes:
    """A data set of which the middle is as it should not be."""
    before = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7") + element(0x00080018, "UI", "1.2.3")
    return before + middle + element(0x00100010, "PN", "Doe") + element(0x7FE00010, "OB", bytes(512))


def packed(content: bytes, syntax: str) -> bytes:
    return deflated(content) if syntax == DEFLATED else content


@pytest.mark.parametrize("after", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("before", [EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN])
def test_text_stays_the_bytes_that_it_was_though_its_character_set_does_not_explain_them(transcoder, before, after):
    def text(value: bytes) -> Dataset:
        item = Dataset()
        item.PatientID = b"  9"
        item.PatientComments = value
        item.add_new(0x00110010, "LO", "TEST")
        item.add_new(0x00111001, "LO", value)
        return item

    original = text(b"M\xfcller")
    original.SpecificCharacterSet = "ISO_IR 192"
    original.RelatedSeriesSequence = [text(b"\xfc"), text(b"\x83\x5c\x83\x7c")]
    original.RelatedSeriesSequence[1].SpecificCharacterSet = "ISO_IR 13"
    made = made_from(transcoder, written(original, before), before, after)
    assert (made.count(b"M\xfcller"), made.count(b"\xfc "), made.count(b"\x83\x5c\x83\x7c")) == (2, 2, 2)
    assert made.count(b"  9 ") == 3


@pytest.mark.parametrize("after", [EXPLICIT, IMPLICIT, DEFLATED])
def test_an_icon_is_uncompressed_with_its_image(transcoder, after):
    content, before = sample("MR_small_RLE.dcm")
    compressed = read(content, before)
    compressed.IconImageSequence = [image_part(compressed)]
    made = read(made_from(transcoder, written(compressed, before), before, after), after)
    icon = made.IconImageSequence[0]
    assert not icon["PixelData"].is_undefined_length
    assert icon.PixelData == made.PixelData == read(*sample("MR_small.dcm")).PixelData


def test_what_is_kept_above_the_bits_stored_stays_or_is_a_reason_to_refuse(transcoder):
    original = read(*sample("CT_small.dcm"))
    original.BitsStored, original.HighBit, original.PixelRepresentation = 12, 11, 0
    original.PixelData = bytes(range(256)) * 128
    content = written(original, EXPLICIT)
    packed = made_from(transcoder, content, EXPLICIT, RLE)
    assert read(made_from(transcoder, packed, RLE, EXPLICIT), EXPLICIT).PixelData == original.PixelData
    for after in COMPRESSING - {RLE}:
        with pytest.raises(CannotTranscode, match="the pixels would not be the same"):
            made_from(transcoder, content, EXPLICIT, after)


def test_an_icon_in_big_endian_is_read_by_its_own_depth(transcoder):
    content, before = sample("MR_small_bigendian.dcm")
    original, flat = read(content, before), read(*sample("ExplVR_BigEnd.dcm"))
    for holder in (flat, Dataset()):
        holder.IconImageSequence = [image_part(original)]
        made = read(made_from(transcoder, written(holder, before), before, EXPLICIT), EXPLICIT)
        assert made.IconImageSequence[0].PixelData == read(*sample("MR_small.dcm")).PixelData


@pytest.mark.parametrize("after", sorted(COMPRESSING))
def test_pixels_behind_the_last_frame_are_not_left_out(transcoder, after):
    longer = read(*sample("CT_small.dcm"))
    longer.PixelData += b"\7\7"
    with pytest.raises(CannotTranscode, match="2 bytes of Pixel Data behind the last frame"):
        made_from(transcoder, written(longer, EXPLICIT), EXPLICIT, after)


@pytest.mark.parametrize("offsets", [True, False])
@pytest.mark.parametrize("after", [EXPLICIT, IMPLICIT])
def test_frames_behind_the_declared_ones_are_not_left_out(transcoder, after, offsets):
    content, before = sample("SC_rgb_rle_2frame.dcm")
    fewer = read(content, before)
    if not offsets:
        fewer.PixelData = encapsulate(list(generate_frames(fewer.PixelData, number_of_frames=2)), has_bot=False)
    fewer.NumberOfFrames = 1
    with pytest.raises(CannotTranscode, match="Pixel Data has 2 frames, and 1 would be left"):
        made_from(transcoder, written(fewer, before), before, after)


def test_bytes_that_are_no_data_set_are_refused(transcoder):
    with pytest.raises(CannotTranscode):
        made_from(transcoder, random.Random(1).randbytes(5000), "1.2.840.10008.1.2.4.90", EXPLICIT)

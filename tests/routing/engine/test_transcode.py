"""Transcoding in a process of its own: the same pixels, the same identity, within limits."""

import io
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_files
from pydicom.pixels import pixel_array

from routing.core.syntax_choice import COMPRESSING, DEFLATED, EXPLICIT, IMPLICIT
from routing.engine import transcode
from routing.engine.transcode import CannotStart, CannotTranscode, Transcoder
from scripts_app.core.dataset.file_meta import encode_file_meta, read_file_meta
from tests.routing.dicom.peers import dataset
from tests.scripts_app.core.dataset.builders import element, item, sequence

pytestmark = pytest.mark.integration

SAMPLES = [
    "CT_small.dcm",
    "MR_small_bigendian.dcm",
    "ExplVR_BigEnd.dcm",
    "rtdose_expb.dcm",
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


@pytest.fixture(scope="module")
def transcoder() -> Iterator[Transcoder]:
    running = Transcoder(seconds=60, memory_mib=4096)
    yield running
    running.close()


def sample(name: str) -> tuple[bytes, str]:
    """Data set and transfer syntax of a file that comes with pydicom."""
    content = next(Path(path) for path in get_testdata_files(f"**/{name}") if Path(path).name == name).read_bytes()
    meta = read_file_meta(content)
    return content[meta.dataset_offset :], meta.transfer_syntax_uid


def read(content: bytes, syntax: str) -> Dataset:
    return dcmread(io.BytesIO(encode_file_meta("1.2", "1.2", syntax) + content))


def made_from(transcoder: Transcoder, content: bytes, before: str, after: str) -> bytes:
    half = len(content) // 2
    view = memoryview(content)
    return b"".join(transcoder.transcode([view[:half], view[half:]], before, after))


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


@pytest.mark.parametrize("undefined", [False, True])
def test_delimiters_where_lengths_are_told_lose_nothing_and_are_no_obstacle(transcoder, undefined):
    entry = item(FIRST + SECOND, undefined=True) if undefined else item(FIRST + SECOND + END_OF_ITEM)
    middle = sequence(0x00081140, [entry, END_OF_SEQUENCE])
    made = read(made_from(transcoder, image(middle), EXPLICIT, IMPLICIT), IMPLICIT)
    assert made.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "9.8.7.6.5"
    assert made.PixelData == bytes(512)


def image(middle: bytes) -> bytes:
    """A data set of which the middle is as it should not be."""
    before = element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7") + element(0x00080018, "UI", "1.2.3")
    return before + middle + element(0x00100010, "PN", "Doe") + element(0x7FE00010, "OB", bytes(512))


def packed(content: bytes, syntax: str) -> bytes:
    if syntax != DEFLATED:
        return content
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(content) + deflater.flush()


def test_bytes_that_are_no_data_set_are_refused(transcoder):
    with pytest.raises(CannotTranscode):
        made_from(transcoder, random.Random(1).randbytes(5000), "1.2.840.10008.1.2.4.90", EXPLICIT)


def test_a_data_set_that_takes_too_long_ends_the_process_and_the_next_one_gets_another():
    content, before = sample("CT_small.dcm")
    hasty = Transcoder(seconds=60, memory_mib=4096)
    try:
        assert made_from(hasty, content, before, IMPLICIT)
        hasty._seconds = 0
        with pytest.raises(CannotTranscode, match="longer than 0 s"):
            made_from(hasty, content, before, IMPLICIT)
        hasty._seconds = 60
        assert made_from(hasty, content, before, IMPLICIT)
    finally:
        hasty.close()


STRUCK = """
import os, signal, sys
from pathlib import Path
from routing.engine import transcoder

left = sorted(Path({folder!r}).iterdir())
if left:
    left[0].unlink()
    sys.stdout.buffer.write(b"ready\\n")
    sys.stdout.buffer.flush()
    sys.stdin.buffer.readline()
    os.kill(os.getpid(), signal.SIGKILL)
transcoder.main()
"""
"""A transcoder that is killed over its first request, as often as there are files in a folder."""


@pytest.mark.fault(78, "the transcoding process is killed while it waits, while it works, and each time it works")
def test_a_kill_from_outside_costs_no_image_unless_it_comes_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, before = sample("CT_small.dcm")
    kills = tmp_path / "kills"
    kills.mkdir()
    (tmp_path / "struck.py").write_text(STRUCK.format(folder=str(kills)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(transcode, "_PROGRAM", "struck")
    transcoder = Transcoder(seconds=60, memory_mib=4096)
    try:
        (kills / "1").touch()
        assert made_from(transcoder, content, before, IMPLICIT)
        assert transcoder._process is not None
        transcoder._process.kill()
        transcoder._process.wait()
        assert made_from(transcoder, content, before, IMPLICIT)
        transcoder.close()
        for number in "12":
            (kills / number).touch()
        with pytest.raises(CannotTranscode, match="was killed twice"):
            made_from(transcoder, content, before, IMPLICIT)
        assert made_from(transcoder, content, before, IMPLICIT)
    finally:
        transcoder.close()


def test_a_data_set_beyond_the_limit_of_memory_is_refused():
    small = Transcoder(seconds=60, memory_mib=400)
    try:
        with pytest.raises(CannotTranscode, match=r"MemoryError|ended"):
            made_from(small, dataset(pixels=100 << 20), EXPLICIT, IMPLICIT)
    finally:
        small.close()


def test_a_process_that_does_not_start_blames_the_installation(monkeypatch):
    monkeypatch.setattr(transcode, "_PROGRAM", "routing.engine.no_such_program")
    with pytest.raises(CannotStart):
        made_from(Transcoder(seconds=60, memory_mib=4096), b"", EXPLICIT, IMPLICIT)


def test_the_process_gets_no_secret_of_the_service(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://user:secret@db/router")
    transcoder = Transcoder(seconds=60, memory_mib=4096)
    try:
        content, before = sample("CT_small.dcm")
        made_from(transcoder, content, before, IMPLICIT)
        assert transcoder._process is not None
        assert b"secret" not in Path(f"/proc/{transcoder._process.pid}/environ").read_bytes()
    finally:
        transcoder.close()

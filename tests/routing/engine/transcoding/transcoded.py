"""Data sets to transcode, and what comes of them."""

import io
import zlib
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_files
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from routing.core.syntax_choice import DEFLATED, IMPLICIT
from routing.engine.transcoding.transcode import Transcoder
from scripts_app.core.dataset.file_meta import encode_file_meta, read_file_meta

BIG_ENDIAN = "1.2.840.10008.1.2.2"


def sample(name: str) -> tuple[bytes, str]:
    """Data set and transfer syntax of a file that comes with pydicom."""
    content = next(Path(path) for path in get_testdata_files(f"**/{name}") if Path(path).name == name).read_bytes()
    meta = read_file_meta(content)
    return content[meta.dataset_offset :], meta.transfer_syntax_uid


def read(content: bytes, syntax: str) -> Dataset:
    return dcmread(io.BytesIO(encode_file_meta("1.2", "1.2", syntax) + content))


def deflated(content: bytes) -> bytes:
    return zlib.compress(content, wbits=-zlib.MAX_WBITS)


def written(original: Dataset, syntax: str) -> bytes:
    """A data set in a transfer syntax; compressed pixels have to be in it already."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = syntax != BIG_ENDIAN, syntax == IMPLICIT
    write_dataset(buffer, original)
    return deflated(buffer.getvalue()) if syntax == DEFLATED else buffer.getvalue()


def made_from(transcoder: Transcoder, content: bytes, before: str, after: str) -> bytes:
    half = len(content) // 2
    view = memoryview(content)
    return b"".join(transcoder.transcode([view[:half], view[half:]], before, after))


def noise(
    rows: int,
    columns: int,
    samples: int = 1,
    allocated: int = 8,
    stored: int = 8,
    signed: int = 0,
    frames: int = 2,
) -> Dataset:
    """Frames over the whole range of the bits stored."""
    least, most = (-(1 << stored - 1), 1 << stored - 1) if signed else (0, 1 << stored)
    kind = f"{'i' if signed else 'u'}{allocated // 8}"
    pixels = np.random.default_rng(7).integers(least, most, (frames, rows, columns, samples)).astype(kind).tobytes()
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID, image.NumberOfFrames = "1.2.840.10008.5.1.4.1.1.7", "1.2.3", frames
    image.SamplesPerPixel, image.PhotometricInterpretation = samples, "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        image.PlanarConfiguration = 0
    image.Rows, image.Columns, image.BitsAllocated, image.BitsStored = rows, columns, allocated, stored
    image.HighBit, image.PixelRepresentation = stored - 1, signed
    image.add_new(0x7FE00010, "OW" if allocated > 8 else "OB", pixels + b"\0" * (len(pixels) % 2))
    return image

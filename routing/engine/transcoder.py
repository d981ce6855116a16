"""
The program that transcodes one data set after another, started by routing.engine.transcode.

Decoders are C code that reads whatever a stranger sent, so they run in this
process, which holds nothing worth having and may be killed at any time.  It
reads from its input a line of JSON and the bytes of a data set, and writes a
line of JSON and the bytes of the new one.
"""

import io
import json
import logging
import resource
import sys
import warnings
import zlib
from typing import BinaryIO

import numpy as np
from pydicom import Dataset, FileDataset, config, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from scripts_app.core.dataset.file_meta import encode_file_meta

_WORDS = {"OW": 2, "OF": 4, "OD": 8, "OL": 4, "OV": 8}
"""Bytes that byte order swaps, for the VRs that pydicom leaves as they are."""
_PIXEL_DATA = 0x7FE00010
_CHANGED_BY_CODECS = frozenset((_PIXEL_DATA, 0x7FE00001, 0x7FE00002, 0x00280004, 0x00280006))
"""Pixels, offset tables, Photometric Interpretation, Planar Configuration."""
_MIB = 1 << 20


class NotLossless(Exception):
    """What came out would not say the same as what went in."""


def transcoded(content: bytes, before: str, after: str) -> bytes:
    """
    A data set in another transfer syntax, with the same SOP Instance UID and the same pixels.

    Pixels are decoded again from what was made and compared, sample by
    sample.  Any exception means that it cannot be done.
    """
    dataset = _read(content, before)
    decoding, encoding = UID(before).is_encapsulated, UID(after).is_encapsulated
    if decoding and "PixelData" in dataset:
        # As stored: to turn YBR into RGB would round.
        dataset.decompress(as_rgb=False, generate_instance_uid=False)
    if not UID(before).is_little_endian:
        _swap(dataset)
        # Written and read again, it forgets its old byte order, which the encoders ask for.
        dataset = _read(_written(dataset, str(ExplicitVRLittleEndian)), str(ExplicitVRLittleEndian))
    if encoding:
        if "PixelData" not in dataset:
            raise ValueError("there are no pixels to compress")
        dataset.compress(UID(after), generate_instance_uid=False)
    made = _written(dataset, after)
    again = _read(made, after)
    if "PixelData" in again and (decoding or encoding or not UID(before).is_little_endian):
        _compare_pixels(_read(content, before), again)
    _compare_elements(_read(content, before), again, but=_CHANGED_BY_CODECS if decoding or encoding else frozenset())
    return made


def _read(content: bytes, transfer_syntax_uid: str) -> FileDataset:
    return dcmread(io.BytesIO(encode_file_meta("1.2", "1.2", transfer_syntax_uid) + content))


def _written(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = transfer_syntax_uid == ImplicitVRLittleEndian
    write_dataset(buffer, dataset)
    content = buffer.getvalue()
    if transfer_syntax_uid != DeflatedExplicitVRLittleEndian:
        return content
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflate.compress(content) + deflate.flush()
    return deflated + b"\0" * (len(deflated) % 2)


def _swap(dataset: Dataset) -> None:
    """Turn big endian words, which pydicom hands on as they came, into little endian ones."""
    for element in dataset.iterall():
        size = _WORDS.get(element.VR, 1)
        if element.tag == _PIXEL_DATA and size > 1:
            size = max(size, int(dataset.BitsAllocated) // 8)
        if size > 1 and isinstance(element.value, bytes):
            element.value = np.frombuffer(element.value, f"u{size}").byteswap().tobytes()


def _compare_pixels(original: Dataset, made: Dataset) -> None:
    pairs = zip(iter_pixels(original, raw=True), iter_pixels(made, raw=True), strict=True)
    for number, (one, other) in enumerate(pairs, start=1):
        if one.shape != other.shape or not np.array_equal(one, other):
            raise NotLossless(f"frame {number} would not have the same pixels")


def _compare_elements(original: Dataset, made: Dataset, but: frozenset[int]) -> None:
    """NotLossless when an element came, went or changed; group lengths (PS3.5 7.2) do not count."""
    if not original.is_little_endian:
        _swap(original)
    tags = {tag for dataset in (original, made) for tag in dataset.keys() if tag.element and tag not in but}  # noqa: SIM118
    for tag in sorted(tags):
        if tag not in original or tag not in made or original[tag].value != made[tag].value:
            raise NotLossless(f"element {tag} would not be the same")


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until the input ends."""
    while line := source.readline():
        request = json.loads(line)
        content = source.read(request["length"])
        try:
            made = transcoded(content, request["before"], request["after"])
            head: dict[str, str | int] = {"length": len(made)}
        except Exception as error:
            made, head = b"", {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]}
        sink.write(json.dumps(head).encode("ascii") + b"\n" + made)
        sink.flush()
        del content, made


def main() -> None:
    """Take the limit of memory in MiB as argument, and serve on the standard streams."""
    warnings.simplefilter("ignore")
    # Values that break rules travel as they are, and messages about them would show patient data.
    config.settings.reading_validation_mode = config.IGNORE
    config.settings.writing_validation_mode = config.IGNORE
    logging.disable()
    limit = int(sys.argv[1]) * _MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()

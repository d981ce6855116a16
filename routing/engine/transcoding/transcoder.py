"""
The program that transcodes one data set after another, started by routing.engine.transcoding.transcode.

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
from typing import Any, BinaryIO

import numpy as np
from pydicom import DataElement, Dataset, FileDataset, config, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.encaps import parse_basic_offsets, parse_fragments
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import get_expected_length, get_nr_frames
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from pydicom.valuerep import STR_VR
from rle.utils import encode_pixel_data

from routing.engine.transcoding import jpeg_lossless, small_jpeg_2000
from routing.engine.transcoding.frames import compress_frames
from scripts_app.core.dataset.encoding import PIXEL_DATA, encoding_of
from scripts_app.core.dataset.file_meta import encode_file_meta
from scripts_app.core.dataset.read_through import TEXTS, make_ready, read_through
from scripts_app.core.dataset.unread import refuse_unread

_WORDS = {"OW": 2, "OF": 4, "OD": 8, "OL": 4, "OV": 8}
"""Bytes that byte order swaps, for the VRs that pydicom leaves as they are."""
_PADDING = b"\0 "
_CHANGED_BY_CODECS = frozenset((PIXEL_DATA, 0x7FE00001, 0x7FE00002, 0x00280004, 0x00280006))
"""Pixels, offset tables, Photometric Interpretation, Planar Configuration."""
_ENCODERS = {str(RLELossless): "pylibjpeg", str(JPEGLSLossless): "pyjpegls", str(JPEG2000Lossless): "pylibjpeg"}
"""Named, so that GDCM is never asked: its RLE encoder ends the process over small images in colour."""
_MIB = 1 << 20


class NotLossless(Exception):
    """What came out would not say the same as what went in."""


def transcoded(content: bytes, before: str, after: str) -> bytes:
    """
    A data set in another transfer syntax, with the same SOP Instance UID and the same pixels.

    Pixels are decoded again from what was made and compared, sample by
    sample.  Any exception means that it cannot be done.
    """
    if before == DeflatedExplicitVRLittleEndian:
        content, before = _inflated(content), str(ExplicitVRLittleEndian)
    # pydicom reads as far as it can and leaves out the rest; here that would be lost.
    refuse_unread(_read(content, before), content, 0, len(content), [encoding_of(before)])
    dataset = _read(content, before)
    decoding, encoding = UID(before).is_encapsulated, UID(after).is_encapsulated
    if decoding:
        _decode_icons(dataset, before)
        if "PixelData" in dataset:
            _decode(dataset, before)
    swapping = not UID(before).is_little_endian
    if swapping:
        _swap(dataset)
    if decoding or swapping:
        # Written and read again, it forgets the transfer syntax it came in, which the encoders ask for.
        dataset = _read(_written(dataset, str(ExplicitVRLittleEndian)), str(ExplicitVRLittleEndian))
    if encoding:
        if "PixelData" not in dataset:
            raise ValueError("there are no pixels to compress")
        if dataset.get("PlanarConfiguration") == 1:
            # The RLE encoder takes its input for colour by pixel, whatever the data set says.
            _decode(dataset, str(ExplicitVRLittleEndian))
        left = len(dataset.PixelData) - get_expected_length(dataset)
        if left > 1:
            raise NotLossless(f"{left} bytes of Pixel Data behind the last frame would be left out")
        if after in jpeg_lossless.SYNTAXES:
            jpeg_lossless.compress(dataset)
        elif after == JPEG2000Lossless and small_jpeg_2000.is_small(dataset):
            small_jpeg_2000.compress(dataset)
        elif after == RLELossless and dataset.BitsStored <= 8 < dataset.BitsAllocated:
            # Of these pydicom would hand on the lower bytes alone.
            compress_frames(dataset, lambda frame: encode_pixel_data(frame, dataset, "<"))
        else:
            dataset.compress(UID(after), encoding_plugin=_ENCODERS[after], generate_instance_uid=False)
    made = _written(dataset, after)
    again = _read(made, after)
    original = _read(content, before)
    changed = (decoding or encoding or swapping) and "PixelData" in original
    if changed and not np.array_equal(_pixels(_read(content, before), before)[0], _pixels(again, after)[0]):
        raise NotLossless("the pixels would not be the same")
    if swapping:
        _swap(original)
    _compare_elements(original, again, before, but=_CHANGED_BY_CODECS if decoding or encoding else frozenset())
    return made


def _inflated(content: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    inflated = inflater.decompress(content)
    if not inflater.eof:
        raise ValueError("the deflated data set is cut short")
    return inflated


def _read(content: bytes, transfer_syntax_uid: str) -> FileDataset:
    return dcmread(io.BytesIO(encode_file_meta("1.2", "1.2", transfer_syntax_uid) + content))


def _written(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    implicit = buffer.is_implicit_VR = transfer_syntax_uid == ImplicitVRLittleEndian
    make_ready(dataset, implicit=implicit, little=True, kept=TEXTS)
    write_dataset(buffer, dataset)
    content = buffer.getvalue()
    if transfer_syntax_uid != DeflatedExplicitVRLittleEndian:
        return content
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflate.compress(content) + deflate.flush()
    return deflated + b"\0" * (len(deflated) % 2)


def _swap(dataset: Dataset) -> None:
    """Turn big endian words, which pydicom hands on as they came, into little endian ones."""
    for holder in read_through(dataset, TEXTS):
        for element in holder.elements():
            if isinstance(element, RawDataElement):
                continue
            size = _WORDS.get(element.VR, 1)
            if element.tag == PIXEL_DATA and size > 1 and holder.BitsAllocated > 16:
                # By words (OW, PS3.5 6.2), as dcmtk does, or by samples, as pydicom does.
                raise NotLossless(f"samples of {holder.BitsAllocated} bits in big endian are written in two ways")
            if size > 1 and isinstance(element.value, bytes):
                element.value = np.frombuffer(element.value, f"u{size}").byteswap().tobytes()


def _pixels(dataset: Dataset, transfer_syntax_uid: str) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """
    Samples as stored (to turn YBR into RGB would round), colour by pixel, and what describes them.

    With the bits above Bits Stored, which pydicom would clear: overlays were kept in them once (Overlay Bit Position).
    """
    decoder = get_decoder(transfer_syntax_uid)
    # GDCM ends the process where fewer are stored.
    all_bits = transfer_syntax_uid in jpeg_lossless.SYNTAXES and dataset.BitsAllocated == 8
    options = {"bits_stored": 8} if all_bits else {}
    array, description = decoder.as_array(dataset, raw=True, correct_unused_bits=False, **options)  # type: ignore[arg-type]
    return array, dict(description)


def _decode_icons(dataset: Dataset, transfer_syntax_uid: str) -> None:
    """Uncompress the pixels inside sequences: in no other transfer syntax could they be read."""
    for holder in read_through(dataset, TEXTS):
        if holder is not dataset:
            _decode_icon(holder, transfer_syntax_uid)


def _decode_icon(item: Dataset, transfer_syntax_uid: str) -> None:
    compressed = "PixelData" in item and item["PixelData"].is_undefined_length
    if compressed and UID(transfer_syntax_uid).is_encapsulated:
        _decode(item, transfer_syntax_uid)


def _frames_in(dataset: Dataset, transfer_syntax_uid: str) -> int:
    """As far as Pixel Data tells without being decoded."""
    if not dataset["PixelData"].is_undefined_length:
        return 0
    content = io.BytesIO(dataset.PixelData)
    told = len(parse_basic_offsets(content))
    # In the others a frame may have several fragments (PS3.5 A.4.2).
    return max(told, parse_fragments(content)[0]) if transfer_syntax_uid == RLELossless else told


def _decode(dataset: Dataset, transfer_syntax_uid: str) -> None:
    """Put the samples into Pixel Data as they are, uncompressed."""
    there, declared = _frames_in(dataset, transfer_syntax_uid), get_nr_frames(dataset)
    if there > declared:
        raise NotLossless(f"Pixel Data has {there} frames, and {declared} would be left")
    array, description = _pixels(dataset, transfer_syntax_uid)
    if dataset.BitsAllocated != array.dtype.itemsize * 8:
        raise NotLossless(f"{dataset.BitsAllocated} bits of a sample would be {array.dtype.itemsize * 8}")
    content = array.tobytes()
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            delattr(dataset, keyword)
    value_representation = "OB" if array.dtype.itemsize == 1 else "OW"
    dataset[PIXEL_DATA] = DataElement(PIXEL_DATA, value_representation, content + b"\0" * (len(content) % 2))
    # Decoders give chrominance in full, for every pixel.
    dataset.PhotometricInterpretation = str(description["photometric_interpretation"]).replace(
        "YBR_FULL_422", "YBR_FULL"
    )
    if dataset.SamplesPerPixel > 1:
        dataset.PlanarConfiguration = 0


def _compare_elements(original: Dataset, made: Dataset, before: str, but: frozenset[int] = frozenset()) -> None:
    """NotLossless when an element came, went or changed; group lengths (PS3.5 7.2) do not count."""
    tags = {tag for dataset in (original, made) for tag in dataset.keys() if tag.element and tag not in but}  # noqa: SIM118
    for tag in sorted(tags):
        if tag not in original or tag not in made or not _same(original, made, before, tag):
            raise NotLossless(f"element {tag} would not be the same")


def _same(original: Dataset, made: Dataset, before: str, tag: BaseTag) -> bool:
    one, other = original.get_item(tag), made.get_item(tag)
    element, again = original[tag], made[tag]
    if isinstance(one, RawDataElement) and isinstance(other, RawDataElement):
        if element.VR in STR_VR:
            # By their bytes: two texts that nobody can read would be alike.
            return (one.value or b"").rstrip(_PADDING) == (other.value or b"").rstrip(_PADDING)
        if one.value == other.value:
            return one.is_little_endian == other.is_little_endian
    if element.VR == "SQ" and again.VR == "SQ":
        if len(element.value) != len(again.value):
            return False
        for item, item_again in zip(element.value, again.value, strict=True):
            _decode_icon(item, before)
            _compare_elements(item, item_again, before)
        return True
    # Implicit VR has no place for the VR of a private element: what is read back is bytes without a meaning.
    return element.value == again.value or (again.VR == "UN" and element.VR != "UN")


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Say that all is loaded, then answer requests until the input ends."""
    sink.write(b"ready\n")
    sink.flush()
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

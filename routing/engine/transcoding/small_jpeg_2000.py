"""JPEG 2000 lossless (PS3.5 A.4.4) for images too small for the usual encoder; written by Pillow."""

import io

from PIL import Image
from pydicom import Dataset

from routing.engine.transcoding.frames import compress_frames

LEAST_SIDE = 32
"""Rows and columns that pylibjpeg needs: its six resolution levels halve them five times."""
_MODES = {(1, 8): "L", (1, 16): "I;16", (3, 8): "RGB"}
"""Of Pillow, by samples of a pixel and bits of a sample."""


def is_small(dataset: Dataset) -> bool:
    return bool(min(dataset.Rows, dataset.Columns) < LEAST_SIDE)


def compress(dataset: Dataset) -> None:
    """
    Put Pixel Data, uncompressed and colour by pixel, into JPEG 2000 frames of one fragment each.

    ValueError where Pillow would write another precision than Bits Stored says.
    """
    allocated, stored = dataset.BitsAllocated, dataset.BitsStored
    mode = _MODES.get((dataset.SamplesPerPixel, stored))
    if mode is None or stored != allocated or dataset.PhotometricInterpretation == "YBR_FULL_422":
        raise ValueError(
            f"JPEG 2000 of fewer than {LEAST_SIDE} rows or columns is written for grey of 8 or 16 bits stored and"
            f" colour of 8, not for {dataset.SamplesPerPixel} samples of {stored} of {allocated} bits"
            f" as {dataset.PhotometricInterpretation}"
        )
    compress_frames(dataset, lambda frame: _encoded(frame, mode, dataset))


def _encoded(frame: bytes, mode: str, dataset: Dataset) -> bytes:
    image = Image.frombytes(mode, (dataset.Columns, dataset.Rows), frame)
    coded = io.BytesIO()
    # No colour transform: Photometric Interpretation stays as it is.
    signed = bool(dataset.PixelRepresentation)
    image.save(coded, "JPEG2000", no_jp2=True, irreversible=False, mct=0, num_resolutions=1, signed=signed)
    return coded.getvalue()

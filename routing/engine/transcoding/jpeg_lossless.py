"""JPEG Lossless (PS3.5 A.4.2, processes 14), which many archives keep their images in; written by GDCM."""

import gdcm
from pydicom import Dataset
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

from routing.engine.transcoding.frames import compress_frames

SYNTAXES = frozenset(map(str, (JPEGLosslessSV1, JPEGLossless)))
"""The first predictor, which GDCM takes, is allowed in both."""


def compress(dataset: Dataset) -> None:
    """
    Put Pixel Data, uncompressed and colour by pixel, into JPEG frames of one fragment each.

    ValueError where JPEG Lossless has no place for such samples.
    """
    allocated = dataset.BitsAllocated
    if allocated not in (8, 16) or dataset.PhotometricInterpretation == "YBR_FULL_422":
        raise ValueError(
            f"JPEG Lossless holds samples of 8 or 16 bits for every pixel, not {allocated} bits"
            f" as {dataset.PhotometricInterpretation}"
        )
    compress_frames(dataset, lambda frame: _encoded(frame, dataset))


def _encoded(frame: bytes, dataset: Dataset) -> bytes:
    # GDCM pads what it is given to an even length, and then refuses it for its length.
    times = 1 + len(frame) % 2
    image = gdcm.Image()
    image.SetNumberOfDimensions(3)
    for axis, extent in enumerate((dataset.Columns, dataset.Rows, times)):
        image.SetDimension(axis, extent)
    # Of 8 bits it takes all or none, and ends the process where fewer are stored.
    stored = 8 if dataset.BitsAllocated == 8 else dataset.BitsStored
    image.SetPixelFormat(
        gdcm.PixelFormat(
            dataset.SamplesPerPixel, dataset.BitsAllocated, stored, stored - 1, dataset.PixelRepresentation
        )
    )
    # Whatever the samples mean, they are to stay as they are.  What is not RGB must not be called so in the stream:
    # some readers go by the names of the components there, and would show other colours.
    interpretation = gdcm.PhotometricInterpretation
    colour = interpretation.RGB if dataset.PhotometricInterpretation == "RGB" else interpretation.YBR_FULL
    image.SetPhotometricInterpretation(
        interpretation(colour if dataset.SamplesPerPixel == 3 else interpretation.MONOCHROME2)
    )
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    pixels = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    pixels.SetByteStringValue(frame * times)
    image.SetDataElement(pixels)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    # It belongs to ``change`` now, which frees it; freed by Python too, it would end the process.
    image.thisown = False
    change.SetInput(image)
    if not change.Change():
        raise ValueError("GDCM does not write these samples as JPEG Lossless")
    fragment = change.GetOutput().GetDataElement().GetSequenceOfFragments().GetFragment(0)
    coded: str | bytes = fragment.GetByteValue().GetBuffer()
    return coded if isinstance(coded, bytes) else coded.encode("utf-8", "surrogateescape")

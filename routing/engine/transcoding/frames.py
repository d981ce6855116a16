"""Uncompressed Pixel Data turned into compressed frames (PS3.5 A.4), for encoders that pydicom does not know."""

from collections.abc import Callable

from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import get_nr_frames


def compress_frames(dataset: Dataset, encode: Callable[[bytes], bytes]) -> None:
    """
    Put Pixel Data, colour by pixel and of whole bytes, into frames of one fragment each.

    ``encode`` gets the bytes of one frame; what it raises ends the compression, and nothing has changed.
    """
    size = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    content = memoryview(dataset.PixelData)
    frames = (content[at : at + size] for at in range(0, size * get_nr_frames(dataset), size))
    dataset.PixelData = encapsulate([encode(bytes(frame)) for frame in frames])
    element = dataset["PixelData"]
    element.VR, element.is_undefined_length = "OB", True

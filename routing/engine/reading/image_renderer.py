"""
The program that makes a picture of one frame, started by routing.engine.reading.file_reader.

Decoders are C code that reads whatever a stranger sent, so they run in this
process, which holds nothing worth having and may be killed at any time.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.pixels.processing import apply_color_lut, apply_voi
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from routing.engine.reading.page_program import Refusal, answer_one

_VIDEO = ("MPEG", "HEVC")
_DARKEST, _BRIGHTEST = 0.5, 99.5
"""Percentiles between which grey values are stretched when the image names no window."""
_Array = np.ndarray[Any, Any]


def picture(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """
    A PNG of frame ``frame`` (from 1; one too high or too low means the nearest), at most ``edge`` pixels wide and high.

    ``path``: a Part 10 file.
    """
    path = Path(request["path"])
    dataset = dcmread(path, stop_before_pixels=True, force=True)
    syntax = UID(dataset.file_meta.get("TransferSyntaxUID", ""))
    if any(word in syntax.name for word in _VIDEO):
        raise Refusal(f"Video is not shown ({syntax.name}).")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise Refusal(f"There is no image in it: {UID(dataset.get('SOPClassUID', '')).name or 'no SOP class'}.")
    frames = max(int(_first(dataset.get("NumberOfFrames")) or 1), 1)
    frame = min(max(int(request["frame"]), 1), frames)
    # What is deflated as a whole cannot be read by frames.
    pixels = _decoded(dcmread(path) if syntax.is_deflated else path, frame)
    # More than twice what is shown would only cost memory and time.
    step = max(1, max(pixels.shape[:2]) // (2 * request["edge"]))
    pixels = pixels[::step, ::step]
    grey = pixels.ndim == 2
    if grey and dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        pixels, grey = apply_color_lut(pixels, dataset), False
    shown, how = _windowed(pixels, dataset, frame) if grey else (_eight_bit(pixels), "in colour")
    image = Image.fromarray(shown)
    image.thumbnail((request["edge"], request["edge"]))
    made = io.BytesIO()
    image.save(made, "PNG")
    size = {"rows": int(dataset.Rows), "columns": int(dataset.Columns)}
    return {"frame": frame, "frames": frames, "how": how, **size}, made.getvalue()


def _decoded(source: Path | Dataset, frame: int) -> _Array:
    try:
        return pixel_array(source, index=frame - 1)
    except MemoryError:
        raise
    except AttributeError:
        raise Refusal("It describes an image, but its pixels are not in it.") from None
    except Exception as error:
        words = " ".join(str(error).split())
        raise Refusal(f"The pixels cannot be decoded: {words or type(error).__name__}."[:500]) from None


def _eight_bit(pixels: _Array) -> _Array:
    return pixels if pixels.dtype == np.uint8 else _stretched(pixels, float(pixels.min()), float(pixels.max()))


def _windowed(pixels: _Array, dataset: Dataset, frame: int) -> tuple[_Array, str]:
    """Grey values from 0 to 255 (PS3.3 C.11.2), and by which window."""
    rescale = _where("PixelValueTransformationSequence", "RescaleSlope", dataset, frame)
    values = pixels.astype(np.float64)
    slope, intercept = (
        float(rescale.get(f"Rescale{part}") or usual) for part, usual in (("Slope", 1), ("Intercept", 0))
    )
    values = values * slope + intercept
    window = _where("FrameVOILUTSequence", "WindowCenter", dataset, frame)
    center, width = (_first(window.get(f"Window{part}")) for part in ("Center", "Width"))
    if center is not None and width is not None and width >= 1:
        # PS3.3 C.11.2.1.2.1: the window's centre is half a grey value off its middle.
        dark, how = center - 0.5 - (width - 1) / 2, f"window {center:g} / {width:g}"
        shown = _stretched(values, dark, dark + max(width - 1, 1e-9))
    elif dataset.get("VOILUTSequence"):
        shown, how = _stretched(*_ends(apply_voi(pixels, dataset))), "by its VOI lookup table"
    else:
        finite = values[np.isfinite(values)]
        dark, bright = np.percentile(finite, (_DARKEST, _BRIGHTEST)) if finite.size else (0.0, 1.0)
        shown, how = _stretched(values, float(dark), float(bright)), "stretched, as it names no window"
    return (255 - shown if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else shown), how


def _ends(values: _Array) -> tuple[_Array, float, float]:
    return values, float(values.min()), float(values.max())


def _stretched(values: _Array, dark: float, bright: float) -> _Array:
    scaled = (values.astype(np.float64) - dark) * (255 / max(bright - dark, 1e-9))
    return np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8)


def _where(sequence: str, keyword: str, dataset: Dataset, frame: int) -> Dataset:
    """The data set that holds the keyword: the image's own, or the functional groups' (PS3.3 C.7.6.16)."""
    if keyword in dataset:
        return dataset
    groups = list(dataset.get("SharedFunctionalGroupsSequence") or ())[:1]
    groups += list(dataset.get("PerFrameFunctionalGroupsSequence") or ())[frame - 1 : frame]
    for group in groups:
        for item in group.get(sequence) or ():
            if keyword in item and isinstance(item, Dataset):
                return item
    return Dataset()


def _first(value: Any) -> float | None:
    """The first of one or several numbers."""
    try:
        return float(value if isinstance(value, (int, float, str)) else value[0])
    except (TypeError, ValueError, IndexError):
        return None


if __name__ == "__main__":
    answer_one(picture)

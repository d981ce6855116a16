"""Which VR an element has where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts_app.core.dataset.dictionary import vr_of
from scripts_app.core.dataset.encoding import IMPLICIT_LITTLE, Encoding
from scripts_app.core.dataset.journal import Literal

if TYPE_CHECKING:
    from scripts_app.core.dataset.overlay import Dataset


PIXEL_REPRESENTATION = 0x00280103
"""Whether what may be US or SS is SS."""


def vr_here(dataset: Dataset, tag: int) -> bytes:
    """
    The VR an element has here, or would have; empty when nothing tells.

    UN in the file gives way to the dictionary, for it only means that
    somebody on the way did not know the element; so does any other VR of an
    element that was removed, as far as the dictionary leaves no choice.
    """
    if tag in dataset.edits:
        edited = dataset.edits[tag]
        if edited is not None:
            return b"SQ" if not isinstance(edited, Literal) else edited.vr
        known = vr_of(tag, private_creator(dataset, tag))
        if known and " " not in known:
            return known.encode()
    raw = dataset.index.get(tag)
    if raw is not None:
        vr = raw[0]
        if vr and vr != b"UN":
            return vr
        if raw[3] != raw[4]:
            return b"SQ"
    return dictionary_vr(dataset, tag) or (b"UN" if raw is not None else b"")


def encoding_here(dataset: Dataset, tag: int) -> Encoding:
    """How the value of an element is written: as UN it is little endian in every transfer syntax (PS3.5 6.2.2)."""
    raw = dataset.index.get(tag)
    unknown = raw is not None and raw[0] == b"UN" and tag not in dataset.edits
    return IMPLICIT_LITTLE if unknown else dataset.encoding


def dictionary_vr(dataset: Dataset, tag: int) -> bytes:
    """The VR of the dictionary; where it leaves a choice, the one PixelRepresentation makes (PS3.5 A.2)."""
    vr = vr_of(tag, private_creator(dataset, tag))
    if " " not in vr:
        return vr.encode()
    if not vr.startswith("US"):
        return b"OW"
    return b"SS" if "SS" in vr and _signed_pixels(dataset) else b"US"


def private_creator(dataset: Dataset, tag: int) -> str:
    """Who owns the private block of an element (PS3.5 7.8); empty for standard elements."""
    if not tag >> 16 & 1 or tag & 0xFFFF < 0x1000:
        return ""
    found = dataset.value(tag & 0xFFFF0000 | tag >> 8 & 0xFF)
    return found.rstrip(b"\0 ").decode("latin-1") if found else ""


def _signed_pixels(start: Dataset) -> bool:
    dataset: Dataset | None = start
    while dataset is not None:
        value = dataset.value(PIXEL_REPRESENTATION)
        if value:
            return value[0 if encoding_here(dataset, PIXEL_REPRESENTATION).order == "<" else -1] == 1
        dataset = dataset.owner.parent if dataset.owner else None
    return False

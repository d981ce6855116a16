"""A data set read by pydicom to its last item and ready to be written anew, its values the bytes that they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.valuerep import STANDARD_VR, STR_VR, VR

TEXTS: Collection[str] = STR_VR
ALL_VALUES: Collection[str] = STANDARD_VR - {VR.SQ}
"""Only where the byte order stays."""


def read_through(dataset: Dataset, kept: Collection[str]) -> Iterator[Dataset]:
    """
    The data set and every item in it, each with its elements read: what is raw has the VR encoding it came in.

    Values of the VRs ``kept`` stay the bytes that they are, under their VR: read and written again, text in another
    character set than (0008,0005) names would be other text, and a value that breaks rules another value.
    """
    for tag in sorted(dataset.keys()):
        raw = dataset.get_item(tag)
        swapped = isinstance(raw, RawDataElement) and raw.VR == "UN" and not raw.is_little_endian
        if swapped and isinstance(raw, RawDataElement):
            # Little endian in every transfer syntax (PS3.5 6.2.2), which pydicom does not know.
            dataset._dict[tag] = raw = raw._replace(is_little_endian=True)
        element = dataset[tag]
        # As they are, its bytes would be in the other order than those of the VR that it gets.
        stays = not swapped or element.VR in STR_VR
        if element.VR in kept and stays and isinstance(raw, RawDataElement):
            # Not by the data set's own way, which reads private ones at once.
            dataset._dict[tag] = raw._replace(VR=element.VR, value=_even(raw.value or b"", element.VR))
    yield dataset
    for each in dataset.elements():
        if isinstance(each, DataElement) and each.VR == "SQ":
            for item in each.value:
                yield from read_through(item, kept)


def make_ready(dataset: Dataset, *, implicit: bool, little: bool, kept: Collection[str]) -> None:
    """Have pydicom write it in this encoding, without another look at the values that are kept."""
    holders = list(read_through(dataset, kept))
    correct_ambiguous_vr(dataset, little)
    for holder in holders:
        # Else what is raw would be decoded and encoded again.
        holder.set_original_encoding(implicit, little, holder.original_character_set)


def _even(value: bytes, vr: str) -> bytes:
    return value + (b" " if vr in STR_VR and vr != "UI" else b"\0") * (len(value) % 2)

"""The data dictionary: keyword to tag, tag to keyword and VR (PS3.6)."""

from __future__ import annotations

from functools import lru_cache

from pydicom import datadict

from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.nearest import SURELY, nearest

_TAGS: dict[str, int] = {keyword: tag for keyword, tag in datadict.keyword_dict.items() if keyword}
"""Without the empty keyword that pydicom has for elements which have none."""


def tag_of(keyword: str) -> int:
    """The tag of a keyword; DatasetError with the nearest keyword when there is none."""
    tag = _TAGS.get(keyword)
    if tag is None:
        meant = nearest_keyword(keyword)
        hint = f"; nearest is {meant!r}" if meant else ""
        raise DatasetError(f"{keyword!r} is no keyword of the DICOM data dictionary{hint}")
    return tag


def nearest_keyword(word: str) -> str:
    """The known keyword most like this word, or the empty string."""
    return nearest(word, _TAGS, SURELY)


@lru_cache(maxsize=4096)
def keyword_of(tag: int) -> str:
    """The keyword of a tag; empty for private and unknown elements."""
    if tag >> 16 & 1:
        return ""
    try:
        return datadict.dictionary_keyword(tag)
    except KeyError:
        return ""


@lru_cache(maxsize=4096)
def vr_of(tag: int, creator: str = "") -> str:
    """
    The VR of a tag, such as ``LO`` or ``US or SS``; empty when it is not known.

    Elements of a private block are looked up with their creator, as far as pydicom knows it.
    """
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        if not tag >> 16 & 1:
            return datadict.dictionary_VR(tag)
        if 0x10 <= tag & 0xFFFF <= 0xFF:
            return "LO"
        return datadict.private_dictionary_VR(tag, creator) if creator else ""
    except KeyError:
        return ""


def written(tag: int) -> str:
    """The numeric form, ``gggg,eeee``."""
    return f"{tag >> 16:04X},{tag & 0xFFFF:04X}"


def called(tag: int) -> str:
    """What a path calls a tag: its keyword, or ``gggg,eeee`` where it has none for itself, as the 60xx have not."""
    keyword = keyword_of(tag)
    return keyword if _TAGS.get(keyword) == tag else written(tag)


def named(tag: int) -> str:
    """The numeric form and the keyword, for messages."""
    return f"{written(tag)} {keyword_of(tag)}".rstrip()

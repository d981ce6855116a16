"""Read the tag of a condition: keyword, gggg,eeee with or without leading zeros, or ggggeeee."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import dictionary_keyword, keyword_dict, tag_for_keyword

from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.quoted import quoted
from scripts_app.core.nearest import SURELY, nearest

_NUMERIC = re.compile(r"\(?\s*([0-9A-Fa-f]{1,4})\s*,\s*([0-9A-Fa-f]{1,4})\s*\)?")
_PACKED = re.compile(r"[0-9A-Fa-f]{8}")


@dataclass(frozen=True, slots=True)
class Tag:
    group: int
    element: int

    @property
    def path(self) -> str:
        """The form the data set layer reads: gggg,eeee."""
        return f"{self.group:04X},{self.element:04X}"

    @property
    def keyword(self) -> str:
        """Keyword of the data dictionary; empty for private and unknown elements."""
        try:
            return dictionary_keyword((self.group << 16) + self.element)
        except KeyError:
            return ""

    def __str__(self) -> str:
        return f"{self.path} {self.keyword}".rstrip()


@lru_cache(maxsize=1024)
def read_tag(text: str) -> Tag:
    """Read a condition's tag; WrongCondition names the nearest keyword."""
    wanted = text.strip()
    if numeric := _NUMERIC.fullmatch(wanted):
        return Tag(int(numeric[1], 16), int(numeric[2], 16))
    if _PACKED.fullmatch(wanted):
        return Tag(int(wanted[:4], 16), int(wanted[4:], 16))
    number = tag_for_keyword(wanted) if wanted else None
    if number is not None:
        return Tag(number >> 16, number & 0xFFFF)
    if not wanted:
        raise WrongCondition("Tag is missing; write a keyword or gggg,eeee")
    raise WrongCondition(f"Tag {quoted(text)} is neither gggg,eeee nor a known keyword{_suggestion(wanted)}")


def _suggestion(wanted: str) -> str:
    meant = nearest(wanted, filter(None, keyword_dict), SURELY)
    return f"; did you mean {meant}?" if meant else ""

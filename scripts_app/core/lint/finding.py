"""One thing about a result that a person should know before it leaves, and how elements are gone through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from scripts_app.core.dataset.dictionary import keyword_of, written
from scripts_app.core.dataset.edits import text_at
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.dataset.vr import vr_here

MOST_ELEMENTS = 20_000
"""Elements of one data set that are looked at; a file may be made to keep somebody busy."""
LONGEST_VALUE = 64 << 10
"""Bytes of a value that are looked at."""


class Severity(StrEnum):
    ERROR = "error"
    """A receiver may refuse the image, read it wrongly, or learn what it must not."""
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Severity
    rule: str
    """characters, value, vr, uid, patient, required or identifier."""
    path: str
    """As scripts write it; empty for the data set as a whole."""
    keyword: str
    message: str
    """Without any value of the image."""
    detail: str = ""
    """What may quote values."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element where it stands."""

    dataset: Dataset
    tag: int
    vr: bytes
    path: str

    @property
    def keyword(self) -> str:
        return keyword_of(self.tag)

    def value(self) -> bytes:
        """Its first LONGEST_VALUE bytes; those of a sequence are none."""
        raw = self.dataset.index.get(self.tag)
        if self.vr == b"SQ" or raw is None:
            return b""
        return bytes(self.dataset.buffer[raw[2] : min(raw[3], raw[2] + LONGEST_VALUE)])

    def found(self, severity: Severity, rule: str, message: str, detail: str = "") -> Finding:
        return Finding(severity, rule, self.path, self.keyword, message, detail)


def found_at(severity: Severity, rule: str, tag: int, message: str) -> Finding:
    """About an element of the data set itself, which may not be there."""
    return Finding(severity, rule, written(tag), keyword_of(tag), message)


def text_of(dataset: Dataset, tag: int) -> str:
    """The value without its padding; empty also where it cannot be read."""
    try:
        return (text_at(dataset, tag) or "").strip(" \0")
    except DatasetError:
        return ""


def elements_of(dataset: Dataset) -> Iterator[Element]:
    """Every element with those inside it, in order; at most MOST_ELEMENTS.  The data set has no edits over it."""
    left = MOST_ELEMENTS
    for element in _walk(dataset, ""):
        left -= 1
        if left < 0:
            return
        yield element


def _walk(dataset: Dataset, path: str) -> Iterator[Element]:
    for tag in dataset.tags():
        element = Element(dataset, tag, vr_here(dataset, tag), path + written(tag))
        yield element
        if element.vr == b"SQ":
            for number, item in enumerate(_items(element), start=1):
                yield from _walk(item, f"{element.path}[{number}].")


def _items(element: Element) -> list[Dataset]:
    try:
        sequence = element.dataset.sequence(element.tag)
    except DatasetError:
        return []
    return sequence.items if sequence else []

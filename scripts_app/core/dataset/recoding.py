"""All text of a data set in another character set (PS3.3 C.12.1.1.2)."""

from __future__ import annotations

from scripts_app.core.dataset.character_sets import (
    SPECIFIC_CHARACTER_SET,
    TEXT_VRS,
    UNICODE,
    codecs_of,
    decoded,
    encoded,
    explains,
    is_default,
    unlike_unicode,
)
from scripts_app.core.dataset.dictionary import keyword_of
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.journal import Literal
from scripts_app.core.dataset.literals import padded
from scripts_app.core.dataset.overlay import Dataset, path_of
from scripts_app.core.dataset.values import Unreadable, text_of
from scripts_app.core.dataset.vr import vr_here

_MOST_LISTED = 8
_LONGEST_UNKNOWN = 1 << 16
"""Bytes of a value of VR UN that may be text; longer ones are not read."""


def recoded(dataset: Dataset, old: str, new: str) -> str:
    """
    Write all text in another character set, in items that have none of their own too; answers a note on what changed.

    Nothing says what characters the default repertoire cannot hold: they stay
    when the new set explains them, and are an error otherwise.  What is
    Unicode already stays under a set whose text never looks like it; and so
    does what looks like text but has no VR that says so, which the note names.
    """
    written_anew: list[str] = []
    left: list[str] = []
    _recode(dataset, old, new, written_anew, left)
    notes = (_listed("text written in it", written_anew), _listed("left as they were, for their VR is UN", left))
    return "; ".join(filter(None, notes))


def _recode(dataset: Dataset, old: str, new: str, written_anew: list[str], left: list[str]) -> None:
    for tag in dataset.tags():
        vr = vr_here(dataset, tag)
        if vr == b"SQ":
            sequence = dataset.sequence(tag)
            for item in sequence.items if sequence else ():
                if SPECIFIC_CHARACTER_SET not in item:
                    _recode(item, old, new, written_anew, left)
            continue
        if vr not in TEXT_VRS and (vr != b"UN" or dataset.length(tag) > _LONGEST_UNKNOWN):
            continue
        value = dataset.value(tag) or b""
        if value.isascii() and b"\x1b" not in value:
            continue
        where = f"{path_of(dataset, tag)} {keyword_of(tag)}".rstrip()
        if _stays(value, vr, old, new):
            continue
        if vr == b"UN":
            if not is_default(old) and _would_read_otherwise(dataset, value, old, new):
                left.append(where)
            continue
        if is_default(old):
            raise DatasetError(
                f"{where} holds other characters than ASCII, and no SpecificCharacterSet says which; they are"
                f" none of {new!r}: set SpecificCharacterSet to theirs first"
            )
        try:
            text = decoded(value, codecs_of(old), name=vr == b"PN", errors="strict")
            anew = encoded(text.rstrip("\0 "), new)
        except UnicodeError:
            raise DatasetError(
                f"{where} cannot be carried over from character set {old!r} to"
                f" {new or 'ISO_IR 6'!r}: set or remove it first"
            ) from None
        dataset.put(tag, Literal(vr, padded(vr, anew, dataset.encoding, where)))
        written_anew.append(where)


def _stays(value: bytes, vr: bytes, old: str, new: str) -> bool:
    """Whether a value is text of the new set as it is."""
    if new == UNICODE and (b"\x1b" in value or not unlike_unicode(old)):
        return False
    return (new == UNICODE or is_default(old)) and explains(new, value, vr)


def _would_read_otherwise(dataset: Dataset, value: bytes, old: str, new: str) -> bool:
    """Whether a value of VR UN reads as text, and as other text in another character set."""
    try:
        text = text_of(b"UN", value, dataset.encoding, old)
    except Unreadable:
        return False
    return text != decoded(value, codecs_of(new)).rstrip("\0 ")


def _listed(what: str, elements: list[str]) -> str:
    if not elements:
        return ""
    more = f" and {len(elements) - _MOST_LISTED} more" if len(elements) > _MOST_LISTED else ""
    return f"{what}: {', '.join(elements[:_MOST_LISTED])}{more}"

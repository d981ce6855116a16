"""Setting and removing one element of a data set, and the record that the audit log keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts_app.core.dataset.character_sets import (
    SPECIFIC_CHARACTER_SET,
    TEXT_VRS,
    UNICODE,
    check_character_sets,
    encoded,
    explains,
    is_default,
)
from scripts_app.core.dataset.dictionary import called, keyword_of, named, written
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.journal import Literal
from scripts_app.core.dataset.literals import packed, padded, text_for, too_long
from scripts_app.core.dataset.overlay import Dataset, path_of
from scripts_app.core.dataset.recoding import recoded
from scripts_app.core.dataset.values import BINARY_VRS, NUMBER_FORMATS, Unreadable, shortened, sum_of, text_of
from scripts_app.core.dataset.vr import encoding_here, vr_here

_MARK = "\ufffd"
_LONGEST_SHOWN = 1024
_LONGEST_BINARY = 16 << 20
_ONE_UID = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
"""SOP Class, SOP Instance, Study and Series: with two of them nobody could tell which image this is."""


@dataclass(frozen=True, slots=True)
class EditRecord:
    """One edit for the audit log; values beyond 1024 characters are cut, with a sum, binary ones only counted."""

    path: str
    """``gggg,eeee``, or ``gggg,eeee[n].gggg,eeee`` inside sequences."""
    keyword: str
    old: str | None
    """None: the element was absent."""
    new: str | None
    """None: it is absent now."""
    note: str = ""
    """What the author should know, e.g. that the text is longer than its VR allows."""
    also: tuple[EditRecord, ...] = ()
    """Edits that came with it: a selector's value in a new item, a character set that had to be raised."""


def text_at(dataset: Dataset, tag: int) -> str | None:
    """A value as scripts read it, None when absent; DatasetError for sequences and binary values."""
    if tag not in dataset:
        return None
    vr = vr_here(dataset, tag)
    if vr == b"SQ":
        raise DatasetError(
            f"{named(tag)} is a sequence: read a path such as {called(tag)}[1].Tag, or use Items, Count or ToTable"
        )
    if vr in BINARY_VRS:
        raise DatasetError(f"{named(tag)} is binary ({vr.decode()}, {dataset.length(tag)} bytes)")
    try:
        value = dataset.value(tag) or b""
        plain = value.isascii() and b"\x1b" not in value
        return text_of(vr, value, encoding_here(dataset, tag), "" if plain else dataset.character_sets())
    except Unreadable as error:
        raise DatasetError(f"{named(tag)} {error}") from None


def is_binary(dataset: Dataset, tag: int) -> bool:
    """Whether an element is there with a value that is no text: OB and its kind, and UN that cannot be read as one."""
    if tag not in dataset:
        return False
    vr = vr_here(dataset, tag)
    if vr != b"UN":
        return vr in BINARY_VRS
    try:
        text_at(dataset, tag)
    except DatasetError:
        return True
    return False


def binary_at(dataset: Dataset, tag: int) -> bytes:
    """The bytes of a binary value as they stand in the file."""
    length = dataset.length(tag)
    if length > _LONGEST_BINARY:
        raise DatasetError(
            f"{named(tag)} is binary, {length} bytes: more than the {_LONGEST_BINARY} that a script can read"
        )
    return dataset.value(tag) or b""


def set_value(dataset: Dataset, tag: int, value: Any) -> EditRecord:
    """
    Set one element, creating it when it is absent.

    A value that is the one that was read leaves the bytes as they are.  Text
    that the character set in force cannot hold raises that set to ISO_IR 192
    wherever it holds, all other text re-encoded; so does setting (0008,0005)
    itself to whatever is asked.
    """
    vr = vr_here(dataset, tag)
    where = named(tag)
    _refuse(dataset, tag, vr)
    old = shown_at(dataset, tag)
    before = _readable(dataset, tag)
    if (before is not None and value == before) or _are_there(dataset, tag, value):
        return EditRecord(path_of(dataset, tag), keyword_of(tag), old, old)
    if isinstance(value, bytes):
        value = _as_text(value, where)
    if tag == SPECIFIC_CHARACTER_SET:
        check_character_sets(value)
    text = text_for(vr, value, where, before or "")
    if tag in _ONE_UID and "\\" in text:
        raise DatasetError(f"{where} holds one UID only, not {text[:140]!r}")
    also: tuple[EditRecord, ...] = ()
    note = too_long(vr, text)
    if tag == SPECIFIC_CHARACTER_SET:
        note = recoded(dataset, dataset.character_sets(), text)
    if vr in NUMBER_FORMATS or vr == b"AT":
        value_bytes = packed(vr, text, dataset.encoding, where)
    elif vr in TEXT_VRS or vr == b"UN":
        _refuse_marks(dataset, tag, text, where, before or "")
        value_bytes, also = _text_bytes(dataset, text, where, before or "")
    else:
        try:
            value_bytes = text.encode("ascii")
        except UnicodeError:
            raise DatasetError(f"{where} ({vr.decode()}) takes ASCII only, not {text[:80]!r}") from None
    dataset.put(tag, Literal(vr, padded(vr, value_bytes, dataset.encoding, where)))
    return EditRecord(path_of(dataset, tag), keyword_of(tag), old, shown_at(dataset, tag), note, also)


def remove_value(dataset: Dataset, tag: int) -> EditRecord | None:
    """
    Remove one element; None when there is none.

    Without (0008,0005) the bytes of all text stay as they are, so that a wrong
    one can be put right; in an item they are carried over to the set that
    holds around it.
    """
    if tag not in dataset:
        return None
    old, note = shown_at(dataset, tag), ""
    if tag == SPECIFIC_CHARACTER_SET and dataset.owner:
        note = recoded(dataset, dataset.character_sets(), dataset.owner.parent.character_sets())
    dataset.put(tag, None)
    return EditRecord(path_of(dataset, tag), keyword_of(tag), old, None, note)


def shown_at(dataset: Dataset, tag: int) -> str | None:
    """A value as the audit log shows it; None when absent."""
    if tag not in dataset:
        return None
    vr = vr_here(dataset, tag)
    if vr == b"SQ":
        try:
            sequence = dataset.sequence(tag)
        except DatasetError:
            return "<unreadable sequence>"
        return f"<{len(sequence.items) if sequence else 0} items>"
    length = dataset.length(tag)
    if vr in BINARY_VRS or length > _LONGEST_BINARY:
        return f"<{length} bytes>"
    if length > 64 * _LONGEST_SHOWN:
        return f"<{length} bytes, {sum_of(dataset.value(tag) or b'')}>"
    try:
        text = text_at(dataset, tag) or ""
    except DatasetError:
        return f"<{length} bytes>"
    return shortened(text, _LONGEST_SHOWN)


def _refuse(dataset: Dataset, tag: int, vr: bytes) -> None:
    refuse_group(tag)
    if tag & 0xFFFF == 0:
        raise DatasetError(f"{written(tag)} is a group length: retired, and dropped where an edit makes it wrong")
    if not vr:
        if tag >> 16 & 1:
            raise DatasetError(
                f"{written(tag)} is not there, and a private element cannot be created by its number:"
                " nothing tells its creator and VR"
            )
        raise DatasetError(f"{written(tag)} is not in the DICOM data dictionary, its VR is not known")
    if tag >> 16 & 1 and tag not in dataset:
        raise DatasetError(f"{written(tag)} is not there, and a private element cannot be created by its number")


def refuse_group(tag: int) -> None:
    """DatasetError for elements that no script can change."""
    group = tag >> 16
    if group == 0x0002:
        raise DatasetError(
            f"{named(tag)} is file meta information, which is written anew for each file:"
            " set the data set's own element (such as SOPInstanceUID) instead"
        )
    if group == 0x0000 or group == 0xFFFE:
        raise DatasetError(f"{named(tag)} is not part of a data set")


def _readable(dataset: Dataset, tag: int) -> str | None:
    """None also for what cannot be read: that is not the empty text, which a script may want to put there."""
    try:
        return text_at(dataset, tag)
    except DatasetError:
        return None


def _are_there(dataset: Dataset, tag: int, value: Any) -> bool:
    """Whether these are the bytes that a binary value was read as."""
    if not isinstance(value, bytes) or tag not in dataset or dataset.length(tag) != len(value):
        return False
    return binary_at(dataset, tag) == value


def _as_text(value: bytes, where: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise DatasetError(f"{where} is binary: a script can remove it, or set it to the bytes that it read") from None


def _refuse_marks(dataset: Dataset, tag: int, text: str, where: str, before: str) -> None:
    """DatasetError for marks of bytes that could not be read: written as text the bytes would be lost."""
    # One that stands in the file is somebody else's loss, and a character like any other.
    real = _MARK in before and explains(dataset.character_sets(), dataset.value(tag) or b"", vr_here(dataset, tag))
    if _MARK in text and not real:
        raise DatasetError(
            f"{where}: {text[:80]!r} holds {_MARK}, which stands for bytes that the character set does not explain and"
            " that would be lost: remove SpecificCharacterSet and set it to theirs first"
        )


def _text_bytes(dataset: Dataset, text: str, where: str, before: str) -> tuple[bytes, tuple[EditRecord, ...]]:
    character_sets = dataset.character_sets()
    try:
        return encoded(text, character_sets), ()
    except UnicodeError:
        pass
    if is_default(character_sets) and all(character.isascii() or character in before for character in text):
        # Read as Latin-1 for want of a declaration: they go back as the bytes that they were.
        return text.encode("latin-1"), ()
    try:
        value = encoded(text, UNICODE)
    except UnicodeError:
        raise DatasetError(f"{where}: {text[:80]!r} holds what is no character of Unicode") from None
    holder = dataset
    while SPECIFIC_CHARACTER_SET not in holder and holder.owner is not None:
        holder = holder.owner.parent
    return value, (set_value(holder, SPECIFIC_CHARACTER_SET, UNICODE),)

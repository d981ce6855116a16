"""Setting and removing one element of a data set, and the record that the audit log keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts_app.core.dataset.character_sets import (
    SPECIFIC_CHARACTER_SET,
    TEXT_VRS,
    UNICODE,
    check_character_sets,
    codecs_of,
    decoded,
    encoded,
)
from scripts_app.core.dataset.dictionary import keyword_of, named, written
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.journal import Literal
from scripts_app.core.dataset.literals import packed, padded, text_for, too_long
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.dataset.values import BINARY_VRS, NUMBER_FORMATS, Unreadable, text_of
from scripts_app.core.dataset.vr import vr_here

_LONGEST_SHOWN = 1024


@dataclass(frozen=True, slots=True)
class EditRecord:
    """One edit for the audit log; values longer than 1024 characters are shortened, binary ones only counted."""

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
            f"{named(tag)} is a sequence: read a path such as {keyword_of(tag) or written(tag)}[1].Tag,"
            " or use Items, Count or ToTable"
        )
    if vr in BINARY_VRS:
        raise DatasetError(f"{named(tag)} is binary ({vr.decode()}, {dataset.length(tag)} bytes)")
    try:
        value = dataset.value(tag) or b""
        plain = value.isascii() and b"\x1b" not in value
        return text_of(vr, value, dataset.encoding, "" if plain else dataset.character_sets())
    except Unreadable as error:
        raise DatasetError(f"{named(tag)} {error}") from None


def set_value(dataset: Dataset, tag: int, value: Any) -> EditRecord:
    """
    Set one element, creating it when it is absent.

    Text that the character set in force cannot hold raises that set to
    ISO_IR 192 wherever it holds, all other text re-encoded; so does setting
    (0008,0005) itself to whatever is asked.
    """
    vr = vr_here(dataset, tag)
    where = named(tag)
    _refuse(dataset, tag, vr)
    old = shown_at(dataset, tag)
    if tag == SPECIFIC_CHARACTER_SET:
        check_character_sets(value)
    text = text_for(vr, value, where)
    also: tuple[EditRecord, ...] = ()
    if tag == SPECIFIC_CHARACTER_SET:
        _recode(dataset, dataset.character_sets(), text)
    if vr in NUMBER_FORMATS or vr == b"AT":
        value_bytes = packed(vr, text, dataset.encoding, where)
    elif vr in TEXT_VRS or vr == b"UN":
        value_bytes, also = _text_bytes(dataset, text, where)
    else:
        try:
            value_bytes = text.encode("ascii")
        except UnicodeError:
            raise DatasetError(f"{where} ({vr.decode()}) takes ASCII only, not {text[:80]!r}") from None
    dataset.put(tag, Literal(vr, padded(vr, value_bytes, dataset.encoding, where)))
    return EditRecord(path_of(dataset, tag), keyword_of(tag), old, shown_at(dataset, tag), too_long(vr, text), also)


def remove_value(dataset: Dataset, tag: int) -> EditRecord | None:
    """Remove one element; None when there is none."""
    if tag not in dataset:
        return None
    old = shown_at(dataset, tag)
    if tag == SPECIFIC_CHARACTER_SET:
        inherited = dataset.owner.parent.character_sets() if dataset.owner else ""
        _recode(dataset, dataset.character_sets(), inherited)
    dataset.put(tag, None)
    return EditRecord(path_of(dataset, tag), keyword_of(tag), old, None)


def path_of(dataset: Dataset, tag: int | None = None) -> str:
    """Where an element or, without a tag, an item stands, in numeric form."""
    path = "" if tag is None else written(tag)
    while dataset.owner is not None:
        sequence = dataset.owner
        number = next((at for at, item in enumerate(sequence.items, 1) if item is dataset), 0)
        step = f"{written(sequence.tag)}[{number}]"
        path = f"{step}.{path}" if path else step
        dataset = sequence.parent
    return path


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
    if vr in BINARY_VRS or length > 64 * _LONGEST_SHOWN:
        return f"<{length} bytes>"
    try:
        text = text_at(dataset, tag) or ""
    except DatasetError:
        return f"<{length} bytes>"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}… <{len(text)} characters>"


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


def _text_bytes(dataset: Dataset, text: str, where: str) -> tuple[bytes, tuple[EditRecord, ...]]:
    try:
        return encoded(text, dataset.character_sets()), ()
    except UnicodeError:
        pass
    try:
        value = encoded(text, UNICODE)
    except UnicodeError:
        raise DatasetError(f"{where}: {text[:80]!r} holds what is no character of Unicode") from None
    holder = dataset
    while SPECIFIC_CHARACTER_SET not in holder and holder.owner is not None:
        holder = holder.owner.parent
    return value, (set_value(holder, SPECIFIC_CHARACTER_SET, UNICODE),)


def _recode(dataset: Dataset, old: str, new: str) -> None:
    """Write all text in another character set, in items that have none of their own too."""
    for tag in dataset.tags():
        vr = vr_here(dataset, tag)
        if vr == b"SQ":
            sequence = dataset.sequence(tag)
            for item in sequence.items if sequence else ():
                if SPECIFIC_CHARACTER_SET not in item:
                    _recode(item, old, new)
        elif vr in TEXT_VRS:
            value = dataset.value(tag) or b""
            if value.isascii() and b"\x1b" not in value:
                continue
            where = path_of(dataset, tag)
            try:
                text = decoded(value, codecs_of(old), name=vr == b"PN", errors="strict")
                recoded = encoded(text.rstrip("\0 "), new)
            except UnicodeError:
                raise DatasetError(
                    f"{where} {keyword_of(tag)} cannot be carried over from character set {old or 'ISO_IR 6'!r} to"
                    f" {new or 'ISO_IR 6'!r}: set or remove it first"
                ) from None
            dataset.put(tag, Literal(vr, padded(vr, recoded, dataset.encoding, where)))

"""File meta information (group 0002): written for the files kept here, read from every file."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any

from scripts_app.core.dataset.encoding import DEFLATED, LONG_VRS

IMPLEMENTATION_CLASS_UID = "2.25.309129458143467211526148254310879046412"
IMPLEMENTATION_VERSION_NAME = "CAPACITOR_WEB_1"
PRIVATE_CREATOR_UID = "2.25.117026581934082255873490610254778120935"
"""Says whose (0002,0102) it is; another creator's is never read."""

PREAMBLE_LENGTH = 128
LONGEST_UID = 128
"""Bytes kept of a UID.  The standard says 64, but longer ones travel and must come out as they came in."""
LONGEST_AE_TITLE = 64

_MOST_ELEMENTS = 1000
_USUAL, _LONGEST = 1 << 14, 1 << 20
"""Bytes in which the group of nearly every file ends, and that of the oddest."""
_DEFLATED = frozenset(uid.encode() for uid in DEFLATED)

_header = struct.Struct("<HH2sH")
_long_length = struct.Struct("<I")


class NotPart10(ValueError):
    """Not a DICOM file with file meta information (PS3.10 7.1), or one cut short inside it."""


@dataclass(frozen=True, slots=True)
class FileMeta:
    transfer_syntax_uid: str
    media_storage_sop_class_uid: str
    media_storage_sop_instance_uid: str
    dataset_offset: int
    """Bytes from the start of the file to the data set."""
    private_value: bytes | None
    """(0002,0102), if it is ours."""
    sending_ae_title: str = ""
    receiving_ae_title: str = ""

    @property
    def private(self) -> dict[str, Any] | None:
        """What encode_file_meta() was given; None in files of others.  Read only when asked for."""
        return None if self.private_value is None else _private(self.private_value)


def encode_file_meta(
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    *,
    calling_ae_title: str = "",
    called_ae_title: str = "",
    private: Mapping[str, str | int] | None = None,
) -> bytes:
    """
    Everything of a Part 10 file that stands before the data set: preamble, DICM, group 0002.

    UIDs are written as they are given, however odd, up to LONGEST_UID bytes:
    they come from the wire, and a file of an odd sender must be as safe as any.
    """
    elements = [
        _VERSION,
        _element(0x0002, b"UI", _uid(sop_class_uid)),
        _element(0x0003, b"UI", _uid(sop_instance_uid)),
        _element(0x0010, b"UI", _uid(transfer_syntax_uid)),
        _IMPLEMENTATION,
    ]
    if calling_ae_title:
        elements.append(_element(0x0017, b"AE", _ae_title(calling_ae_title)))
    if called_ae_title:
        elements.append(_element(0x0018, b"AE", _ae_title(called_ae_title)))
    if private is not None:
        elements.append(_PRIVATE_CREATOR)
        elements.append(_element(0x0102, b"OB", _compact.encode(dict(private)).encode("ascii"), pad=b" "))
    group = b"".join(elements)
    return _BEGINNING + _element(0x0000, b"UL", _long_length.pack(len(group))) + group


def read_file_meta(buffer: bytes | memoryview | mmap) -> FileMeta:
    """
    Read group 0002 of a file; NotPart10 when there is none or it is cut short.

    The declared group length is not believed, for many writers get it wrong;
    the group ends where its elements end.  Only before deflated bytes, which
    may look like anything, it is used.
    """
    values, end = _elements(buffer)
    ours = values.get(0x0100, b"").rstrip(b"\0 ") == PRIVATE_CREATOR_UID.encode()
    return FileMeta(
        transfer_syntax_uid=_text(values.get(0x0010)),
        media_storage_sop_class_uid=_text(values.get(0x0002)),
        media_storage_sop_instance_uid=_text(values.get(0x0003)),
        dataset_offset=end,
        private_value=values.get(0x0102, b"") if ours else None,
        sending_ae_title=_text(values.get(0x0017)),
        receiving_ae_title=_text(values.get(0x0018)),
    )


def file_meta_of(path: Path) -> FileMeta:
    """
    The same of a file; OSError when it cannot be read.

    Read, not mapped: where the disk gives an error, a look into a map would end the process.
    """
    with path.open("rb", buffering=0) as file:
        head = file.read(_USUAL)
        if len(head) == _USUAL and _goes_on(head):
            head += file.read(_LONGEST - _USUAL)
    meta = read_file_meta(head)
    if meta.dataset_offset + _header.size > len(head) == _LONGEST:
        raise NotPart10(f"file meta information is longer than {_LONGEST >> 20} MiB")
    return meta


def _goes_on(head: bytes) -> bool:
    """Whether the group may end behind these bytes."""
    try:
        return read_file_meta(head).dataset_offset + _header.size > len(head)
    except NotPart10:
        return True


def _elements(buffer: bytes | memoryview | mmap) -> tuple[dict[int, bytes], int]:
    """Values of group 0002 by element number, and the offset behind the group."""
    at = PREAMBLE_LENGTH + 4
    size = len(buffer)
    if bytes(buffer[PREAMBLE_LENGTH:at]) != b"DICM":
        raise NotPart10("no DICM mark behind a preamble of 128 bytes: not a DICOM Part 10 file")
    values: dict[int, bytes] = {}
    declared_end = -1
    while at + 8 <= size:
        group, number, vr, length = _header.unpack_from(buffer, at)
        if group != 2:
            break
        if at == declared_end and values.get(0x0010, b"").rstrip(b"\0 ") in _DEFLATED:
            break
        at += 8
        if vr in LONG_VRS:
            if at + 4 > size:
                raise NotPart10(f"file meta information ends inside 0002,{number:04X}")
            (length,) = _long_length.unpack_from(buffer, at)
            at += 4
        if length > size - at:
            raise NotPart10(f"0002,{number:04X} claims {length} bytes, {size - at} are left")
        if len(values) >= _MOST_ELEMENTS:
            raise NotPart10(f"file meta information holds more than {_MOST_ELEMENTS} elements")
        values[number] = bytes(buffer[at : at + length])
        at += length
        if number == 0x0000 and length == 4:
            declared_end = at + _long_length.unpack(values[number])[0]
    if not values:
        raise NotPart10("no file meta information (group 0002) behind the DICM mark")
    return values, at


def _element(number: int, vr: bytes, value: bytes, pad: bytes = b"\0") -> bytes:
    if len(value) % 2:
        value += b" " if vr in (b"AE", b"SH") else pad
    if vr in LONG_VRS:
        return struct.pack("<HH2sHI", 2, number, vr, 0, len(value)) + value
    return _header.pack(2, number, vr, len(value)) + value


_BEGINNING = bytes(PREAMBLE_LENGTH) + b"DICM"
_VERSION = _element(0x0001, b"OB", b"\x00\x01")
_IMPLEMENTATION = _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode()) + _element(
    0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode()
)
_PRIVATE_CREATOR = _element(0x0100, b"UI", PRIVATE_CREATOR_UID.encode())
# Made once: json.dumps() makes one for each call.
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True)


def _uid(uid: str) -> bytes:
    return uid.encode("latin-1", "replace")[:LONGEST_UID]


def _ae_title(ae_title: str) -> bytes:
    return ae_title.encode("latin-1", "replace")[:LONGEST_AE_TITLE]


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0 ").decode("latin-1")


def _private(value: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(value.rstrip(b"\0 "))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

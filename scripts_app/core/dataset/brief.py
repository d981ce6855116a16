"""What a queue row shows of a received file, read quickly and whatever state the file is in."""

from __future__ import annotations

import mmap
import zlib
from dataclasses import dataclass
from pathlib import Path

from scripts_app.core.dataset.edits import text_at
from scripts_app.core.dataset.encoding import DEFLATED, EXPLICIT_LITTLE, Encoding, encoding_of
from scripts_app.core.dataset.errors import DatasetError, NotIndexable
from scripts_app.core.dataset.index import Buffer, Index, scan
from scripts_app.core.dataset.journal import Journal
from scripts_app.core.dataset.overlay import Dataset
from scripts_app.core.outcome import Identity

IDENTITY_TAGS = {
    "sop_class_uid": 0x00080016,
    "sop_instance_uid": 0x00080018,
    "study_instance_uid": 0x0020000D,
    "series_instance_uid": 0x0020000E,
    "modality": 0x00080060,
    "patient_id": 0x00100020,
    "patient_name": 0x00100010,
    "accession_number": 0x00080050,
}
_LAST_TAG = max(IDENTITY_TAGS.values())
_MOST_INFLATED = 1 << 20
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Brief:
    identity: Identity
    error: str
    """Why not everything could be read; empty when it could."""


def read_brief(path: Path, offset: int, transfer_syntax_uid: str) -> Brief:
    """
    Read the identity of a file whose data set starts at ``offset``.

    Nothing behind (0020,000E) is looked at.  Never raises: what cannot be read
    is empty in the identity, and ``error`` says why.
    """
    index: Index = {}
    try:
        with open(path, "rb", buffering=0) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            if transfer_syntax_uid in DEFLATED:
                head = _inflated_head(mapped, offset)
                return _brief(head, 0, EXPLICIT_LITTLE, index)
            return _brief(mapped, offset, encoding_of(transfer_syntax_uid), index)
    except (NotIndexable, OSError, ValueError, zlib.error) as error:
        return Brief(_nothing(), str(error))


def _brief(buffer: Buffer, offset: int, encoding: Encoding, index: Index) -> Brief:
    error = ""
    try:
        scan(buffer, offset, len(buffer), encoding, last_tag=_LAST_TAG, index=index)
    except NotIndexable as reason:
        error = str(reason)
    dataset = Dataset(buffer, Journal(), encoding, index, offset, len(buffer))
    return Brief(identity_of(dataset), error)


def identity_of(dataset: Dataset) -> Identity:
    """The identity of a data set as it is now; what cannot be read is empty."""
    return Identity(**{name: _text(dataset, tag) for name, tag in IDENTITY_TAGS.items()})


def _text(dataset: Dataset, tag: int) -> str:
    try:
        return text_at(dataset, tag) or ""
    except DatasetError:
        return ""


def _nothing() -> Identity:
    return Identity(**dict.fromkeys(IDENTITY_TAGS, ""))


def _inflated_head(mapped: mmap.mmap, offset: int) -> bytes:
    """The beginning of a deflated data set, at most 1 MiB however much is behind it."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    head = bytearray()
    at = offset
    while at < len(mapped) and len(head) < _MOST_INFLATED and not inflater.eof:
        head += inflater.decompress(mapped[at : at + _CHUNK], _MOST_INFLATED - len(head))
        at += _CHUNK
    return bytes(head)

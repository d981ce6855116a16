"""Whether a received data set is whole and is what its command said: a walk over its headers, values are not read."""

from __future__ import annotations

import struct
import zlib
from mmap import mmap

from pydicom.uid import UID

from routing.dicom import status
from routing.dicom.contexts import is_storage
from scripts_app.core.dataset.encoding import (
    DEFLATED,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    Encoding,
    encoding_of,
)

Fault = tuple[int, str]
"""The status to answer with, and why; the text quotes no value of the data set."""

_SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00080016, 0x00080018, 0x0020000D
_IDENTIFYING = {_SOP_CLASS, _SOP_INSTANCE, _STUDY}
_LONGEST_UID = 64
MOST_HEADERS = 20_000
"""Headers looked at in one data set (some 10 ms); what is behind them is taken as it is."""
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_PIXEL_DATA_BIG = b"\x7f\xe0\x00\x10"
_NO_MORE_FRAGMENTS = b"\xfe\xff\xdd\xe0\0\0\0\0"
_TRAILING_PADDING = b"\xfc\xff\xfc\xff"
_LOOKED_THROUGH = 64 * 1024
_DEFLATED_HEAD = 64 * 1024
_INFLATED_HEAD = 256 * 1024

_WITHOUT_STUDY = ("1.2.840.10008.5.1.4.1.1.200.", "1.2.840.10008.5.1.4.1.1.201.")
_COMPOSITE = "1.2.840.10008.5.1.4.1.1."
"""
Storage SOP classes below it belong to a study, but for protocols and inventories (PS3.6 annex A).

Hanging protocols, palettes and implant templates have roots of their own.
"""


class _EndsInside(Exception):
    """The data set ends before it should; the text says where."""


class _Unclear(Exception):
    """A reader may or may not make sense of what follows: nothing can be said against the data set."""


def fault_in(
    content: mmap | bytes, offset: int, transfer_syntax_uid: str, sop_class_uid: str, sop_instance_uid: str
) -> Fault | None:
    """
    Tell why the data set that begins at ``offset`` cannot be the instance that the command announced.

    None when nothing speaks against it.  In transfer syntaxes that no standard
    describes nothing does; of a deflated data set only the beginning is read.
    Elements out of order, unknown VRs and deep nesting are no faults here: the
    bytes can be forwarded, and scripts are told.
    """
    if transfer_syntax_uid in DEFLATED:
        try:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            head = inflater.decompress(content[offset : offset + _DEFLATED_HEAD], _INFLATED_HEAD)
        except zlib.error:
            return status.CANNOT_UNDERSTAND, "the data set is not deflated as its transfer syntax says"
        walk = _Walk(head, 0, EXPLICIT_LITTLE)
        walk.tolerates_the_end = True
        return _fault(walk, sop_class_uid, sop_instance_uid)
    if UID(transfer_syntax_uid).is_private:
        return None
    fault = _fault(_Walk(content, offset, encoding_of(transfer_syntax_uid)), sop_class_uid, sop_instance_uid)
    if fault and encoding_of(transfer_syntax_uid) == EXPLICIT_LITTLE:
        # Some senders write implicit VR whatever was negotiated, and most readers understand them.
        other = _Walk(content, offset, IMPLICIT_LITTLE)
        if _fault(other, sop_class_uid, sop_instance_uid) is None:
            return None
    return fault


def _fault(walk: _Walk, sop_class_uid: str, sop_instance_uid: str) -> Fault | None:
    try:
        complete = walk.run()
    except _EndsInside as end:
        return status.CANNOT_UNDERSTAND, f"the data set is cut off: {end}"
    return _disagreement(walk, complete, sop_class_uid, sop_instance_uid)


def _disagreement(walk: _Walk, complete: bool, sop_class_uid: str, sop_instance_uid: str) -> Fault | None:
    instance, sop_class = walk.uid(_SOP_INSTANCE), walk.uid(_SOP_CLASS)
    if instance is None and not complete and walk.last < _SOP_INSTANCE:
        return status.CANNOT_UNDERSTAND, "the bytes are no data set in their transfer syntax"
    if not instance:
        return status.DATASET_DOES_NOT_MATCH, "the data set has no SOP Instance UID (0008,0018)"
    if instance != sop_instance_uid:
        return status.DATASET_DOES_NOT_MATCH, "(0008,0018) is not the SOP Instance UID of the command"
    if sop_class is not None and sop_class != sop_class_uid:
        return status.DATASET_DOES_NOT_MATCH, "(0008,0016) is not the SOP Class UID of the command"
    looked_at = complete or walk.last > _STUDY
    if looked_at and not walk.uid(_STUDY) and _belongs_to_a_study(sop_class_uid):
        return status.DATASET_DOES_NOT_MATCH, "the data set has no Study Instance UID (0020,000D)"
    return None


def _belongs_to_a_study(sop_class_uid: str) -> bool:
    composite = sop_class_uid.startswith(_COMPOSITE) and not sop_class_uid.startswith(_WITHOUT_STUDY)
    return composite and is_storage(sop_class_uid)


class _Walk:
    """One pass over the headers of a data set."""

    def __init__(self, content: mmap | bytes, offset: int, encoding: Encoding) -> None:
        self._content, self._at, self._end, self._encoding = content, offset, len(content), encoding
        self._left = MOST_HEADERS
        self._found: dict[int, tuple[int, int]] = {}
        self.last = -1
        """The largest tag that was met at the top level."""
        self.tolerates_the_end = False

    def uid(self, tag: int) -> str | None:
        """A UID that was met on the way; empty when it has no value, None when it was not met."""
        if tag not in self._found:
            return None
        start, stop = self._found[tag]
        return self._content[start : min(stop, start + _LONGEST_UID + 1)].decode("latin-1").strip("\0 ")

    def run(self) -> bool:
        """Whether everything was looked at; _EndsInside when it ends too early."""
        try:
            self._elements(_STUDY)
            if self._pixels_end_it():
                return True
            self._elements()
        except struct.error:
            if self.tolerates_the_end or not any(self._content[self._at : self._end]):
                # Zero bytes behind the last element are padding (PS3.5 A.5).
                return False
            raise _EndsInside("it ends inside the header of an element") from None
        except _EndsInside:
            if self.tolerates_the_end:
                return False
            raise
        except _Unclear:
            return False
        return True

    def _elements(self, behind: int = 0xFFFFFFFF) -> None:
        """Look at elements, up to one behind this tag."""
        content, end, explicit = self._content, self._end, self._encoding.explicit
        unpack_short = self._encoding.short.unpack_from
        unpack_long = self._encoding.long.unpack_from
        unpack_length = self._encoding.length.unpack_from
        while self._at < end:
            at = self._at
            if explicit:
                group, number, vr, length = unpack_short(content, at)
                start = at + 8
                if vr in LONG_VRS:
                    (length,) = unpack_length(content, start)
                    start = at + 12
                elif vr not in SHORT_VRS:
                    raise _Unclear
            else:
                group, number, length = unpack_long(content, at)
                vr, start = b"", at + 8
            tag = group << 16 | number
            if group == 0xFFFE:
                raise _Unclear
            if tag > self.last:
                self.last = tag
                if tag > behind:
                    return
            self._count()
            if length == UNDEFINED_LENGTH:
                self._at = start
                self._undefined(tag, vr)
                continue
            if start + length > end:
                raise _EndsInside(
                    f"({group:04X},{number:04X}) at byte {at} claims {length} bytes, {end - start} are left"
                )
            if tag in _IDENTIFYING:
                self._found.setdefault(tag, (start, start + length))
            self._at = start + length

    def _pixels_end_it(self) -> bool:
        """
        Whether pixel data follows soon and ends where the data set does, as in nearly all images.

        Looking for its tag takes 2 µs, a walk over what is before it some 100 µs.  Bytes that look like it by
        chance would only make the walk unnecessary that was to find a data set which is cut off.
        """
        size = 12 if self._encoding.explicit else 8
        tag = _PIXEL_DATA_BIG if self._encoding.order == ">" else _PIXEL_DATA
        at = self._content.find(tag, self._at, self._at + _LOOKED_THROUGH)
        if at < 0 or at + size > self._end:
            return False
        (length,) = self._encoding.length.unpack_from(self._content, at + size - 4)
        if length == UNDEFINED_LENGTH:
            return self._content[self._end - 8 : self._end] == _NO_MORE_FRAGMENTS
        stop = at + size + length
        return bool(stop == self._end or self._content[stop : stop + 4] == _TRAILING_PADDING)

    def _undefined(self, tag: int, vr: bytes) -> None:
        """
        Pass over a value of undefined length, however deep sequences are nested in it.

        ``open`` holds what is open: True is an item (elements follow), False a
        sequence or encapsulated pixel data (items follow).
        """
        if vr not in (b"", b"SQ", b"UN"):
            return self._fragments(tag)
        # Inside UN it is implicit VR little endian, whatever the transfer syntax (PS3.5 6.2.2).
        encoding = IMPLICIT_LITTLE if vr == b"UN" else self._encoding
        open_ = [False]
        while open_:
            if self._at >= self._end:
                raise _EndsInside(f"the sequence ({tag >> 16:04X},{tag & 0xFFFF:04X}) has no end")
            self._count()
            self._inside(open_, encoding)
        return None

    def _inside(self, open_: list[bool], encoding: Encoding) -> None:
        """One header inside a sequence of undefined length."""
        group, number, length = encoding.long.unpack_from(self._content, self._at)
        inner = group << 16 | number
        start = self._at + 8
        if not open_[-1]:
            if inner == SEQUENCE_DELIMITER:
                open_.pop()
            elif inner != ITEM:
                raise _Unclear
            elif length == UNDEFINED_LENGTH:
                open_.append(True)
            else:
                start += length
        elif inner == ITEM_DELIMITER:
            open_.pop()
        else:
            if encoding.explicit:
                _, _, vr, length = encoding.short.unpack_from(self._content, self._at)
                if vr in LONG_VRS:
                    (length,) = encoding.length.unpack_from(self._content, start)
                    start += 4
                elif vr not in SHORT_VRS:
                    raise _Unclear
                if length == UNDEFINED_LENGTH and vr != b"SQ":
                    # Its items would be written in another way than what is around them.
                    raise _Unclear
            if length == UNDEFINED_LENGTH:
                open_.append(False)
            else:
                start += length
        if start > self._end:
            raise _EndsInside(f"{self._end - self._at} bytes are left where {start - self._at} are claimed")
        self._at = start

    def _fragments(self, tag: int) -> None:
        """Encapsulated pixel data (PS3.5 A.4): only the headers of the fragments are read."""
        unpack = self._encoding.long.unpack_from
        while self._at < self._end:
            self._count()
            group, number, length = unpack(self._content, self._at)
            inner = group << 16 | number
            self._at += 8
            if inner == SEQUENCE_DELIMITER:
                return
            if inner != ITEM or length == UNDEFINED_LENGTH:
                raise _Unclear
            self._at += length
        raise _EndsInside(f"encapsulated ({tag >> 16:04X},{tag & 0xFFFF:04X}) has no end")

    def _count(self) -> None:
        self._left -= 1
        if not self._left:
            raise _Unclear

"""One walk over the headers of a data set as it came: what identifies it, and whether it ends where it should."""

from __future__ import annotations

import struct
from mmap import mmap

from scripts_app.core.dataset.encoding import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    Encoding,
)

SOP_CLASS, SOP_INSTANCE, STUDY = 0x00080016, 0x00080018, 0x0020000D
_IDENTIFYING = {SOP_CLASS, SOP_INSTANCE, STUDY}
_LONGEST_UID = 64
MOST_HEADERS = 20_000
"""Headers looked at in one data set (some 10 ms); what is behind them is taken as it is."""
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_PIXEL_DATA_BIG = b"\x7f\xe0\x00\x10"
_NO_MORE_FRAGMENTS = b"\xfe\xff\xdd\xe0\0\0\0\0"
_TRAILING_PADDING = b"\xfc\xff\xfc\xff"
_LOOKED_THROUGH = 64 * 1024


class EndsInside(Exception):
    """The data set ends before it should; the text says where."""


class Unclear(Exception):
    """A reader may or may not make sense of what follows: nothing can be said against the data set."""


class Walk:
    """One pass over the headers of a data set."""

    def __init__(self, content: mmap | bytes, offset: int, encoding: Encoding, size: int | None = None) -> None:
        """``size``: where the data set ends, when ``content`` is only its beginning."""
        self._content, self._at, self._encoding = content, offset, encoding
        self._end = len(content) if size is None else size
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
        """Whether everything was looked at; EndsInside when it ends too early."""
        try:
            if self.pixels_end_it():
                return True
            self._elements()
        except struct.error:
            if self.tolerates_the_end or not any(self._content[self._at : self._end]):
                # Zero bytes behind the last element are padding (PS3.5 A.5).
                return False
            raise EndsInside("it ends inside the header of an element") from None
        except EndsInside:
            if self.tolerates_the_end:
                return False
            raise
        except Unclear:
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
                    raise Unclear
            else:
                group, number, length = unpack_long(content, at)
                vr, start = b"", at + 8
            tag = group << 16 | number
            if group == 0xFFFE:
                raise Unclear
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
                raise EndsInside(
                    f"({group:04X},{number:04X}) at byte {at} claims {length} bytes, {end - start} are left"
                )
            if tag in _IDENTIFYING:
                self._found.setdefault(tag, (start, start + length))
            self._at = start + length

    def pixels_end_it(self) -> bool:
        """
        Look at the elements that identify, then whether pixel data follows soon and ends where the data set does, as in
        nearly all images.

        Looking for its tag takes 2 µs, a walk over what is before it some 100 µs.  Bytes that look like it by
        chance would only make the walk unnecessary that was to find a data set which is cut off.  Where one that
        identifies was not met, there may be no order: it is looked for in all of the data set.
        """
        self._elements(STUDY)
        if _IDENTIFYING - self._found.keys():
            return False
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
                raise EndsInside(f"the sequence ({tag >> 16:04X},{tag & 0xFFFF:04X}) has no end")
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
                raise Unclear
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
                    raise Unclear
                if length == UNDEFINED_LENGTH and vr != b"SQ":
                    # Its items would be written in another way than what is around them.
                    raise Unclear
            if length == UNDEFINED_LENGTH:
                open_.append(False)
            else:
                start += length
        if start > self._end:
            raise EndsInside(f"{self._end - self._at} bytes are left where {start - self._at} are claimed")
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
                raise Unclear
            self._at += length
        raise EndsInside(f"encapsulated ({tag >> 16:04X},{tag & 0xFFFF:04X}) has no end")

    def _count(self) -> None:
        self._left -= 1
        if not self._left:
            raise Unclear

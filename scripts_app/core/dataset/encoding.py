"""How elements are written in a transfer syntax: byte order, VR explicit or not (PS3.5 7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from scripts_app.core.dataset.errors import NotIndexable

SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
"""Explicit VRs with a length of 16 bits (PS3.5 7.1.2)."""
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Explicit VRs with two reserved bytes and a length of 32 bits."""

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITER = 0xFFFEE00D
SEQUENCE_DELIMITER = 0xFFFEE0DD
LONGEST_SHORT_VALUE = 0xFFFE
PIXEL_DATA = 0x7FE00010
ANY_PIXEL_DATA = frozenset((0x7FE00008, 0x7FE00009, PIXEL_DATA))
"""Float and Double Float Pixel Data as well."""


@dataclass(frozen=True, slots=True)
class Encoding:
    explicit: bool
    order: str
    """'<' or '>', as struct has it."""
    short: struct.Struct = field(init=False, compare=False)
    """group, element, VR, 16-bit length."""
    long: struct.Struct = field(init=False, compare=False)
    """group, element, 32-bit length: implicit VR, items and delimiters."""
    full: struct.Struct = field(init=False, compare=False)
    """group, element, VR, reserved, 32-bit length."""
    length: struct.Struct = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "short", struct.Struct(self.order + "HH2sH"))
        object.__setattr__(self, "long", struct.Struct(self.order + "HHI"))
        object.__setattr__(self, "full", struct.Struct(self.order + "HH2sHI"))
        object.__setattr__(self, "length", struct.Struct(self.order + "I"))

    def header(self, tag: int, vr: bytes, length: int) -> bytes:
        """What stands before a value of this length; values too long for their VR were refused before."""
        if not self.explicit:
            return self.long.pack(tag >> 16, tag & 0xFFFF, length)
        if vr in LONG_VRS:
            return self.full.pack(tag >> 16, tag & 0xFFFF, vr, 0, length)
        return self.short.pack(tag >> 16, tag & 0xFFFF, vr, length)

    def item_header(self, length: int) -> bytes:
        return self.long.pack(ITEM >> 16, ITEM & 0xFFFF, length)


EXPLICIT_LITTLE = Encoding(True, "<")
EXPLICIT_BIG = Encoding(True, ">")
IMPLICIT_LITTLE = Encoding(False, "<")

_ENCODINGS = {
    "1.2.840.10008.1.2": IMPLICIT_LITTLE,
    "1.2.840.10008.1.2.2": EXPLICIT_BIG,
    # GE's private syntax: implicit VR little endian with big endian pixels.
    "1.2.840.113619.5.2": IMPLICIT_LITTLE,
}
DEFLATED = frozenset(("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))
"""Transfer syntaxes whose whole data set is deflated (PS3.5 A.5, A.7, A.11)."""


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """How a transfer syntax writes elements; explicit VR little endian unless it has a rule of its own."""
    if not transfer_syntax_uid:
        raise NotIndexable("the file names no Transfer Syntax UID (0002,0010)")
    if transfer_syntax_uid in DEFLATED:
        raise NotIndexable("the data set is deflated")
    return _ENCODINGS.get(transfer_syntax_uid, EXPLICIT_LITTLE)

"""Values of elements as the strings that scripts read (PS3.5 6.2)."""

from __future__ import annotations

import struct
from hashlib import blake2b

from scripts_app.core.dataset.character_sets import TEXT_VRS, codecs_of, decoded
from scripts_app.core.dataset.encoding import Encoding

NUMBER_FORMATS = {
    b"US": "H",
    b"SS": "h",
    b"UL": "I",
    b"SL": "i",
    b"UV": "Q",
    b"SV": "q",
    b"FL": "f",
    b"FD": "d",
}
"""struct codes of the VRs whose values are binary numbers."""
BINARY_VRS = frozenset(b"OB OD OF OL OV OW".split())
_BOTH_SIDES = frozenset(b"AE CS DS IS".split())
"""VRs whose leading spaces mean nothing either."""
_WHOLE = frozenset(b"LT ST UT UR".split())
"""VRs of one value, in which a backslash is text."""
LONGEST_VALUE = {b"SH": 16, b"LO": 64, b"ST": 1024, b"LT": 10240}
"""Characters of one value."""
LONGEST_NAME_GROUP = 64
"""Characters of one component group of a PN."""
MOST_NAME_GROUPS = 3
"""Alphabetic, ideographic, phonetic."""


class Unreadable(Exception):
    """The bytes are not what their VR says; the message tells in which way."""


def text_of(vr: bytes, value: bytes, encoding: Encoding, character_sets: str) -> str:
    """
    A value as text: several values joined by backslashes, padding taken off.

    Numbers come as Python writes them, AT as gggg,eeee.  Text that its
    character set cannot explain comes with replacement marks.  Unreadable for
    binary values: OB and its kind, and UN that is not text.
    """
    if vr in NUMBER_FORMATS:
        return _numbers(vr, value, encoding.order)
    if vr == b"AT":
        return _tags(value, encoding.order)
    if vr in TEXT_VRS:
        if value.isascii() and b"\x1b" not in value:
            text = value.decode("ascii")
        else:
            text = decoded(value, codecs_of(character_sets), name=vr == b"PN")
        return text.rstrip("\0 ")
    if vr in BINARY_VRS:
        raise Unreadable(f"is binary ({vr.decode()}, {len(value)} bytes)")
    if vr == b"UN":
        return _unknown(value, character_sets)
    text = value.decode("latin-1").rstrip("\0 ")
    if vr in _BOTH_SIDES:
        return "\\".join(part.strip("\0 ") for part in text.split("\\"))
    return text


def values_of(vr: bytes, text: str) -> list[str]:
    """The single values of a text as text_of() gives it."""
    return [text] if vr in _WHOLE else text.split("\\")


def is_whole(vr: bytes) -> bool:
    """Whether a value of this VR is one text in which a backslash means nothing."""
    return vr in _WHOLE


def _numbers(vr: bytes, value: bytes, order: str) -> str:
    code = NUMBER_FORMATS[vr]
    size = struct.calcsize("=" + code)
    if len(value) % size:
        raise Unreadable(f"holds {len(value)} bytes, not a multiple of {size} as {vr.decode()} needs")
    numbers = struct.unpack(f"{order}{len(value) // size}{code}", value)
    return "\\".join(_float32(number) if code == "f" else repr(number) for number in numbers)


def _float32(number: float) -> str:
    """The shortest decimal that reads back as the same 32-bit number."""
    packed = struct.pack("f", number)
    for digits in range(6, 9):
        text = f"{number:.{digits}g}"
        try:
            if struct.pack("f", float(text)) == packed:
                return repr(float(text))
        except OverflowError:
            continue
    return repr(float(f"{number:.9g}"))


def _tags(value: bytes, order: str) -> str:
    if len(value) % 4:
        raise Unreadable(f"holds {len(value)} bytes, not a multiple of 4 as AT needs")
    numbers = struct.unpack(f"{order}{len(value) // 2}H", value)
    return "\\".join(f"{numbers[at]:04X},{numbers[at + 1]:04X}" for at in range(0, len(numbers), 2))


def _unknown(value: bytes, character_sets: str) -> str:
    text = decoded(value, codecs_of(character_sets)).rstrip("\0 ")
    if any(not (character.isprintable() or character in "\r\n\t\f") for character in text) or "�" in text:
        raise Unreadable(f"is binary (UN, {len(value)} bytes)")
    return text


def shortened(text: str, most: int) -> str:
    """The beginning of a text that is longer, with a sum that tells it from others which begin alike."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… <{len(text)} characters, {sum_of(text.encode(errors='replace'))}>"


def sum_of(value: bytes) -> str:
    """32 bits in hexadecimal, for values of which little or nothing is shown."""
    return blake2b(value, digest_size=4).hexdigest()

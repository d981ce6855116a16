"""What a script sets, checked against the VR and turned into text ready to be encoded (PS3.5 6.2)."""

from __future__ import annotations

import math
import re
import struct
from typing import Any

from scripts_app.core.dataset.checks import CHECKS, decimal, shown
from scripts_app.core.dataset.encoding import LONGEST_SHORT_VALUE, SHORT_VRS, Encoding
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.path import parsed_tag
from scripts_app.core.dataset.values import (
    BINARY_VRS,
    LONGEST_NAME_GROUP,
    LONGEST_VALUE,
    MOST_NAME_GROUPS,
    NUMBER_FORMATS,
    is_whole,
    values_of,
)

_RANGES = {
    "H": "whole numbers from 0 to 65535",
    "h": "whole numbers from -32768 to 32767",
    "I": "whole numbers from 0 to 4294967295",
    "i": "whole numbers from -2147483648 to 2147483647",
    "Q": "whole numbers from 0 to 2^64-1",
    "q": "whole numbers from -2^63 to 2^63-1",
    "f": "numbers that 32 bits can hold",
    "d": "numbers",
}
_WHOLE_NUMBERS = frozenset((*NUMBER_FORMATS, b"IS")) - {b"FL", b"FD"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
"""Tab, line feed, form feed and carriage return are text there (PS3.5 6.1.3)."""
_LINES_ALLOWED = frozenset(b"LT ST UT UN".split())
_NUL_PADDED = frozenset(b"UI OB UN".split())


def text_for(vr: bytes, value: Any, where: str, before: str = "") -> str:
    """
    The text of a value, several joined by backslashes; every one checked.

    ``where`` names the element in messages; control characters that stand in
    it ``before`` are not this value's fault.  DatasetError names VR, value,
    the form wanted and, when it is plain, the nearest valid value.
    """
    if vr == b"SQ":
        raise DatasetError(f"{where} is a sequence: set a path such as Sequence[1].Tag, or use Populate or Append")
    if vr in BINARY_VRS:
        raise DatasetError(f"{where} is binary ({vr.decode()}): a script can remove it, not set it")
    if isinstance(value, (list, tuple)):
        if is_whole(vr) and len(value) > 1:
            raise DatasetError(f"{where} ({vr.decode()}) holds one value only, not {len(value)}")
        values = [_text(vr, part, where) for part in value]
        for part in values:
            if "\\" in part and not is_whole(vr):
                raise DatasetError(f"{where}: a value of a list cannot hold a backslash: {shown(part)}")
    else:
        values = values_of(vr, _text(vr, value, where))
    check = CHECKS.get(vr)
    if check is not None:
        values = [check(part, where) if part else part for part in values]
    joined = "\\".join(values)
    if vr not in CHECKS and vr not in NUMBER_FORMATS:
        _refuse_control(vr, joined, where, before)
    return joined


def too_long(vr: bytes, text: str) -> str:
    """
    In words when a text is longer than its VR allows, or a name has more component groups, else empty.

    Not an error: the manual's own examples put 25 characters into an SH, and
    most systems take them.  Cutting text short would be worse.
    """
    if vr == b"PN":
        names = [name.split("=") for name in text.split("\\")]
        groups = max(map(len, names))
        if groups > MOST_NAME_GROUPS:
            return f"{groups} component groups, PN allows {MOST_NAME_GROUPS}"
        return _excess(max(len(group) for name in names for group in name), LONGEST_NAME_GROUP, vr)
    if vr not in LONGEST_VALUE:
        return ""
    return _excess(max(map(len, values_of(vr, text))), LONGEST_VALUE[vr], vr)


def _excess(length: int, allowed: int, vr: bytes) -> str:
    return f"{length} characters, {vr.decode()} allows {allowed}" if length > allowed else ""


def packed(vr: bytes, text: str, encoding: Encoding, where: str) -> bytes:
    """Bytes of numbers and tags; DatasetError when a number does not fit."""
    parts = text.split("\\") if text else []
    if vr == b"AT":
        try:
            tags = [parsed_tag(part) for part in parts]
        except DatasetError as error:
            raise DatasetError(f"{where}: {error}") from None
        return struct.pack(
            f"{encoding.order}{2 * len(tags)}H", *(half for tag in tags for half in (tag >> 16, tag & 0xFFFF))
        )
    code = NUMBER_FORMATS[vr]
    try:
        if "_" in text or not text.isascii():
            raise ValueError("Python would read 1_0 as 10, and the digits of other scripts")
        numbers = [_float(part) if code in "fd" else int(part) for part in parts]
        return struct.pack(f"{encoding.order}{len(numbers)}{code}", *numbers)
    except (struct.error, ValueError, OverflowError):
        raise DatasetError(f"{where}: {shown(text)} is not a value of {vr.decode()}, {_RANGES[code]}") from None


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():
        raise OverflowError("Python would make it infinite")
    return number


def padded(vr: bytes, value: bytes, encoding: Encoding, where: str) -> bytes:
    """A value of even length; DatasetError when its length cannot be written."""
    if len(value) % 2:
        value += b"\0" if vr in _NUL_PADDED else b" "
    if encoding.explicit and vr in SHORT_VRS and len(value) > LONGEST_SHORT_VALUE:
        raise DatasetError(
            f"{where}: {len(value)} bytes are too many for {vr.decode()}, which takes {LONGEST_SHORT_VALUE} at most"
        )
    return value


def _text(vr: bytes, value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        hint = " (use Remove to take an element away)" if value is None else ", such as 'YES'"
        raise DatasetError(
            f"{where} takes a string or a number{hint}, not {'nil' if value is None else str(value).lower()}"
        )
    if vr == b"AT" and isinstance(value, (int, float)):
        # Its decimal digits would be taken for the hexadecimal ones of another tag.
        raise DatasetError(f"{where} takes a tag such as '0018,1063' or a keyword, not the number {value}")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value) and vr not in (b"FL", b"FD"):
            raise DatasetError(f"{where}: {value} is not a value of {vr.decode()}")
        if value.is_integer() and (vr in _WHOLE_NUMBERS or (vr == b"DS" and abs(value) < 1e15)):
            return str(int(value))
        return decimal(value) if vr == b"DS" else repr(value)
    kind = "table" if isinstance(value, (dict, list)) else type(value).__name__
    raise DatasetError(f"{where} takes a string or a number, not a {kind}")


def _refuse_control(vr: bytes, text: str, where: str, before: str) -> None:
    for found in (_CONTROL_IN_TEXT if vr in _LINES_ALLOWED else _CONTROL).findall(text):
        if found not in before:
            raise DatasetError(f"{where} ({vr.decode()}) cannot hold the control character {found!r}")

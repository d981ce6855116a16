"""Values that scripts set, checked by VR; each answers the value as it is to be written (PS3.5 6.2)."""

from __future__ import annotations

import math
import re
from calendar import monthrange
from collections.abc import Callable

from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.path import parsed_tag


def refused(vr: str, value: str, wanted: str, where: str, nearest: str = "") -> DatasetError:
    hint = f"; nearest is {nearest!r}" if nearest and nearest != value else ""
    return DatasetError(f"{where}: {shown(value)} is not a value of {vr}, {wanted}{hint}")


def shown(value: str) -> str:
    return repr(value if len(value) <= 80 else value[:77] + "...")


def decimal(number: float) -> str:
    """A DS of at most 16 characters, as exact as they allow."""
    for digits in range(17, 0, -1):
        text = f"{number:.{digits}g}"
        if len(text) <= 16:
            return text
    return text


def _ae(value: str, where: str) -> str:
    if len(value.strip(" ")) > 16 or not value.isascii() or not value.isprintable():
        raise refused("AE", value, "at most 16 characters of ASCII", where)
    return value


def _as(value: str, where: str) -> str:
    if not re.fullmatch(r"\d{3}[DWMY]", value):
        number = re.fullmatch(r"\s*(\d{1,3})\s*([DWMYdwmy]?)\s*", value)
        nearest = f"{int(number[1]):03}{(number[2] or 'Y').upper()}" if number else ""
        raise refused("AS", value, "three digits and D, W, M or Y, such as 042Y", where, nearest)
    return value


def _cs(value: str, where: str) -> str:
    if len(value.strip(" ")) > 16 or not re.fullmatch(r"[A-Z0-9_ ]*", value):
        nearest = re.sub(r"[^A-Z0-9_ ]", "_", value.strip().upper())[:16]
        raise refused("CS", value, "at most 16 of A-Z 0-9 _ and space", where, nearest)
    return value


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{8}", text) or not text.isascii():
        return False
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _da(value: str, where: str) -> str:
    text = value.rstrip(" ")
    if not _is_date(text):
        digits = re.sub(r"\D", "", value)
        raise refused("DA", value, "YYYYMMDD, a day of the calendar", where, digits if _is_date(digits) else "")
    return text


_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?", re.ASCII)


def _tm(value: str, where: str) -> str:
    text = value.rstrip(" ")
    if not _TIME.fullmatch(text):
        plain = re.sub(r"[^\d.]", "", value)
        raise refused("TM", value, "HHMMSS.FFFFFF, or its beginning", where, plain if _TIME.fullmatch(plain) else "")
    return text


_DATE_TIME = re.compile(
    r"\d{4}((0[1-9]|1[0-2])((0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?)?)?)?"
    r"([+-](0\d|1[0-4])[0-5]\d)?",
    re.ASCII,
)


def _dt(value: str, where: str) -> str:
    text = value.rstrip(" ")
    day = text[:8]
    if not _DATE_TIME.fullmatch(text) or (re.fullmatch(r"\d{8}", day, re.ASCII) and not _is_date(day)):
        raise refused("DT", value, "YYYYMMDDHHMMSS.FFFFFF and perhaps +HHMM, or its beginning", where)
    return text


def _ds(value: str, where: str) -> str:
    text = value.strip(" ")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        raise refused("DS", value, "a decimal number such as 1.5 or -2E3", where)
    if len(text) > 16:
        number = float(text)
        raise refused("DS", value, "at most 16 characters", where, decimal(number) if math.isfinite(number) else "")
    return text


def _is(value: str, where: str) -> str:
    text = value.strip(" ")
    if not re.fullmatch(r"[+-]?\d{1,11}", text, re.ASCII) or not -(2**31) <= int(text) < 2**31:
        raise refused("IS", value, "a whole number from -2147483648 to 2147483647", where, _whole(text))
    return text


def _whole(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return ""
    return str(round(number)) if abs(number) < 2**31 else ""


def _ui(value: str, where: str) -> str:
    text = value.rstrip("\0 ")
    if len(text) > 64 or not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", text, re.ASCII):
        raise refused("UI", value, "at most 64 characters: numbers without leading zeros, joined by dots", where)
    return text


def _ur(value: str, where: str) -> str:
    readable = value.isascii() and value.isprintable()
    if not readable or " " in value.rstrip(" "):
        nearest = value.strip().replace(" ", "%20") if readable else ""
        raise refused("UR", value, "an address in ASCII without spaces and control characters", where, nearest)
    return value.rstrip(" ")


def _at(value: str, where: str) -> str:
    try:
        parsed_tag(value.strip())
    except DatasetError as error:
        raise DatasetError(f"{where}: {error}") from None
    return value.strip()


CHECKS: dict[bytes, Callable[[str, str], str]] = {
    b"AE": _ae,
    b"AS": _as,
    b"AT": _at,
    b"CS": _cs,
    b"DA": _da,
    b"DS": _ds,
    b"DT": _dt,
    b"IS": _is,
    b"TM": _tm,
    b"UI": _ui,
    b"UR": _ur,
}

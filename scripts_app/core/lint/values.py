"""Values against their VR, and text against the character set that the image claims (PS3.5 6.1, 6.2)."""

from __future__ import annotations

from codecs import lookup
from collections.abc import Iterator

from scripts_app.core.dataset.character_sets import TEXT_VRS, codecs_of, decoded
from scripts_app.core.dataset.checks import CHECKS
from scripts_app.core.dataset.dictionary import vr_of
from scripts_app.core.dataset.encoding import ANY_PIXEL_DATA
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.values import LONGEST_NAME_GROUP, LONGEST_VALUE, MOST_NAME_GROUPS, values_of
from scripts_app.core.lint.finding import Element, Finding, Severity

_WIDTH = {
    **dict.fromkeys((b"US", b"SS", b"OW"), 2),
    **dict.fromkeys((b"UL", b"SL", b"FL", b"AT", b"OF", b"OL"), 4),
    **dict.fromkeys((b"FD", b"UV", b"SV", b"OD", b"OV"), 8),
}
_LIKE_UNICODE = frozenset(("utf-8", "gb18030", "gbk"))
"""Unicode, and sets of which much text is valid UTF-8 by chance."""


def value_findings(element: Element) -> Iterator[Finding]:
    yield from _vr(element)
    value = element.value()
    if not value:
        return
    yield from _length(element)
    if element.vr in TEXT_VRS:
        yield from _text(element, value)
    elif element.vr in CHECKS:
        yield from _strings(element, value)


def _vr(element: Element) -> Iterator[Finding]:
    known = vr_of(element.tag)
    if element.tag >> 16 & 1 or not known or element.vr in (b"UN", b"") or element.tag in ANY_PIXEL_DATA:
        return
    vr = element.vr.decode("latin-1")
    if vr not in known.split(" or "):
        yield element.found(Severity.WARNING, "vr", f"has the VR {vr}, which is {known} in the data dictionary")


def _length(element: Element) -> Iterator[Finding]:
    raw = element.dataset.index[element.tag]
    length = raw[3] - raw[2]
    if length % 2:
        yield element.found(Severity.ERROR, "value", f"has an odd length, {length} bytes")
    width = _WIDTH.get(element.vr, 1)
    # Fragments of encapsulated pixels have rules of their own.
    if length % width and element.tag not in ANY_PIXEL_DATA:
        vr = element.vr.decode("latin-1")
        yield element.found(Severity.ERROR, "value", f"has {length} bytes, values of {vr} have {width} each")


def _text(element: Element, value: bytes) -> Iterator[Finding]:
    sets = element.dataset.character_sets()
    if not value.isascii() and not sets:
        yield element.found(
            Severity.ERROR, "characters", "holds other characters than ASCII, and there is no SpecificCharacterSet"
        )
        return
    codecs = codecs_of(sets)
    try:
        text = decoded(value, codecs, name=element.vr == b"PN", errors="strict")
    except (UnicodeError, LookupError):
        yield element.found(Severity.ERROR, "characters", f"holds bytes that {sets} does not explain")
        return
    if not value.isascii() and _is_utf8(value) and lookup(codecs[0]).name not in _LIKE_UNICODE:
        yield element.found(
            Severity.WARNING,
            "characters",
            f"holds what looks like Unicode (UTF-8), and the image claims {sets}",
            f"it is read as {text[:40]!r}",
        )
    yield from _too_long(element, text)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _too_long(element: Element, text: str) -> Iterator[Finding]:
    for each in values_of(element.vr, text):
        if element.vr == b"PN":
            groups = each.rstrip(" \0").split("=")
            if len(groups) > MOST_NAME_GROUPS or any(
                len(group) > LONGEST_NAME_GROUP or group.count("^") > 4 for group in groups
            ):
                yield element.found(
                    Severity.ERROR, "value", "is no name: three spellings of 64 characters and five parts at the most"
                )
                return
            continue
        most = LONGEST_VALUE.get(element.vr)
        if most is not None and len(each.rstrip(" \0")) > most:
            vr = element.vr.decode("latin-1")
            yield element.found(Severity.ERROR, "value", f"is longer than {most} characters, the most of {vr}")
            return


def _strings(element: Element, value: bytes) -> Iterator[Finding]:
    vr = element.vr.decode("latin-1")
    if element.vr == b"AT":
        return
    if not value.isascii():
        yield element.found(Severity.ERROR, "characters", f"holds other characters than ASCII, which {vr} must not")
        return
    text = value.decode("ascii").rstrip("\0 ")
    for each in values_of(element.vr, text):
        if not each.strip(" \0"):
            continue
        try:
            CHECKS[element.vr](each, "")
        except DatasetError as error:
            yield element.found(Severity.ERROR, "value", f"is not a value of {vr}", str(error).removeprefix(": "))
            return

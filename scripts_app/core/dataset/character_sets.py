"""Text in the character sets of (0008,0005), both ways (PS3.5 6.1, PS3.3 C.12.1.1.2)."""

from __future__ import annotations

import codecs as python_codecs
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydicom import charset

from scripts_app.core.dataset.errors import DatasetError

SPECIFIC_CHARACTER_SET = 0x00080005
UNICODE = "ISO_IR 192"
TEXT_VRS = frozenset(b"LO LT PN SH ST UC UT".split())
"""VRs whose values are in the data set's character set; all others are ASCII."""

_ESCAPE = b"\x1b"
_FRAGMENTS = re.compile(rb"[^\x1b]+|\x1b[^\x1b]*")
_DELIMITER = re.compile(r"([\\^=\r\n\f\t])")
_TEXT_DELIMITERS = frozenset(b"\\\r\n\f\t")
_NAME_DELIMITERS = frozenset(b"\\^=\r\n\f\t")
_STATEFUL = frozenset(("iso2022_jp", "iso2022_jp_2"))
"""Codecs that read and write the escape sequences themselves."""
_JAPANESE_ESCAPES = {"iso2022_jp": _ESCAPE + b"$B", "iso2022_jp_2": _ESCAPE + b"$(D"}
_DEFAULT = "iso8859"
"""What pydicom reads the default repertoire with: bytes that break the rule come out as Latin-1."""


@lru_cache(maxsize=256)
def codecs_of(character_sets: str) -> tuple[str, ...]:
    """
    Python codecs for a value of (0008,0005), backslash-joined; the first is in force at the start.

    Misspelt and unknown names read as pydicom reads them: the nearest known one, or the default repertoire.
    """
    # Python's own search for a codec stumbles over control characters.
    names = [name.strip() if name.isprintable() else "" for name in character_sets.split("\\")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(charset.convert_encodings(names))


def is_default(character_sets: str) -> bool:
    """Whether these declare nothing but ASCII: what else stands there is text of nobody knows which set."""
    return codecs_of(character_sets) == (_DEFAULT,)


def unlike_unicode(character_sets: str) -> bool:
    """
    Whether no text of these sets is valid UTF-8 by chance, so that what is UTF-8 was never theirs.

    Of Latin-1 a capital with an accent and a sign such as » would have to stand
    side by side.  In Polish, Cyrillic, Thai or Chinese sets whole names do.
    """
    return python_codecs.lookup(codecs_of(character_sets)[0]).name in ("iso8859-1", "utf-8")


def check_character_sets(value: Any) -> None:
    """DatasetError when a script asks for a character set that the standard does not define."""
    for name in value if isinstance(value, (list, tuple)) else str(value).split("\\"):
        if str(name).strip() not in charset.python_encoding:
            known = ", ".join(sorted(known for known in charset.python_encoding if known.startswith("ISO_IR")))
            raise DatasetError(
                f"0008,0005 SpecificCharacterSet: {name!r} is not one of {known}, GB18030, GBK"
                " and the ISO 2022 forms; Unicode is 'ISO_IR 192'"
            )


def decoded(value: bytes, codecs: Sequence[str], *, name: bool = False, errors: str = "replace") -> str:
    """
    Text of a value; ``name`` for VR PN, where ^ and = end an escape sequence too.

    With errors="strict" a value that its character set cannot explain raises
    UnicodeError; so does what is not ASCII in the default repertoire, which is
    read as Latin-1 otherwise.
    """
    if errors == "strict":
        codecs = ["ascii" if codec == _DEFAULT else codec for codec in codecs]
    if _ESCAPE not in value:
        return value.decode(codecs[0], errors)
    delimiters = _NAME_DELIMITERS if name else _TEXT_DELIMITERS
    return "".join(_decoded_fragment(fragment, codecs, delimiters, errors) for fragment in _FRAGMENTS.findall(value))


def explains(character_sets: str, value: bytes, vr: bytes) -> bool:
    """Whether a value is text in these character sets."""
    try:
        decoded(value, codecs_of(character_sets), name=vr == b"PN", errors="strict")
    except UnicodeError:
        return False
    return True


def _decoded_fragment(fragment: bytes, codecs: Sequence[str], delimiters: frozenset[int], errors: str) -> str:
    if not fragment.startswith(_ESCAPE):
        return fragment.decode(codecs[0], errors)
    length = 4 if fragment[1:3] in (b"$(", b"$)") else 3
    codec = charset.CODES_TO_ENCODINGS.get(fragment[:length], "")
    if codec not in codecs and codec not in (_DEFAULT, "shift_jis"):
        if errors == "strict":
            raise UnicodeError(f"escape sequence {fragment[:length]!r} is not of the character sets in force")
        return fragment.decode(codecs[0], errors)
    if codec in _STATEFUL:
        return fragment.decode(codec, errors)
    fragment = fragment[length:]
    end = next((at for at, byte in enumerate(fragment) if byte in delimiters), len(fragment))
    return fragment[:end].decode(codec, errors) + fragment[end:].decode(codecs[0], errors)


def encoded(text: str, character_sets: str) -> bytes:
    """Bytes of a text; UnicodeError when these character sets cannot hold it."""
    if text.isascii():
        return text.encode("ascii")
    codecs = codecs_of(character_sets)
    if len(codecs) == 1:
        return _encoded_first(text, codecs)
    return b"".join(_encoded_piece(piece, codecs) for piece in _DELIMITER.split(text))


def _encoded_first(text: str, codecs: Sequence[str]) -> bytes:
    codec = codecs[0]
    if codec == _DEFAULT:
        return text.encode("ascii")
    bytes_ = text.encode(codec)
    # ISO_IR 13 holds the single-byte characters only (JIS X 0201).
    if codec == "shift_jis" and len(bytes_) != len(text):
        raise UnicodeError("not in JIS X 0201")
    return _read_back(bytes_, text, codecs)


def _read_back(bytes_: bytes, text: str, codecs: Sequence[str]) -> bytes:
    """
    The bytes, when they say the text to whoever reads them; UnicodeError otherwise.

    Python's codecs know more than these sets: ¥ as the byte of the backslash,
    which would make two values of one, and Korean in escape sequences beside the Japanese.
    """
    if decoded(bytes_, codecs, errors="strict") != text:
        raise UnicodeError("reads as another text")
    return bytes_


def _encoded_piece(piece: str, codecs: Sequence[str]) -> bytes:
    """
    Text between two delimiters, all of it in one of the character sets.

    Pieces that would need several sets are left to Unicode: other systems read
    such mixtures differently.
    """
    try:
        return _encoded_first(piece, codecs)
    except UnicodeError:
        pass
    for codec in codecs[1:]:
        try:
            bytes_ = piece.encode(codec)
            if codec in _STATEFUL:
                escapes = {bytes_[at : at + 3] for at in range(len(bytes_)) if bytes_[at] == 0x1B}
                if escapes <= {_JAPANESE_ESCAPES[codec][:3], _ESCAPE + b"(B"}:
                    return _read_back(bytes_, piece, codecs)
            elif codec != "shift_jis" and codec in charset.ENCODINGS_TO_CODES:
                return _read_back(charset.ENCODINGS_TO_CODES[codec] + bytes_, piece, codecs)
        except UnicodeError:
            continue
    raise UnicodeError("none of the character sets holds it")

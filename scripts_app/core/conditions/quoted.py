"""A value or pattern in a message: between quotes, as it is."""

from __future__ import annotations


def quoted(text: str) -> str:
    r"""
    As it is, for backslashes part values in DICOM and stand in every other pattern.

    Only what cannot be seen is written by its number, as <U+000A>: ``\n`` might be the two characters.
    """
    mark = '"' if "'" in text and '"' not in text else "'"
    seen = "".join(each if each.isprintable() else f"<U+{ord(each):04X}>" for each in text)
    return f"{mark}{seen}{mark}"

"""A text of a stranger as a page can show it: what cannot be seen, or turns other text around, by its number."""

from __future__ import annotations

import re

# Marks that only say how a letter joins, and those without an end (LRM, RLM, ALM), belong to names of some languages.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def legible(text: str) -> str:
    """
    As it is, but for control characters, written as <U+202E>.

    That one, an override, would show an ID that follows it on the line backwards (UAX 9).
    """
    return _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)

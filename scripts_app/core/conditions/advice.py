"""How a MatchExpression is read, and where that is probably not what its author meant."""

from __future__ import annotations

import re

from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.pattern import read_pattern

_UID = re.compile(r"[0-9.*?]+")
_KINDS = {
    "literal": "read as literal text: the whole value must be equal, upper and lower case differ",
    "digits": "read as digits and dots: the whole value must be equal",
    "regex": "read as a regular expression: it may match any part of the value, unless ^ and $ enclose it",
    "wildcard": "read as wildcard: * any characters, ? one character, everything else as it stands",
}


def reading(expression: str) -> str:
    """In words which kind of pattern it is; empty when it is none."""
    try:
        return _KINDS[read_pattern(expression).kind]
    except WrongCondition:
        return ""


def traps(expression: str) -> list[str]:
    """What is allowed but rarely meant (Conditions page, order of the kinds)."""
    try:
        kind = read_pattern(expression).kind
    except WrongCondition:
        return []
    found = []
    if kind in ("literal", "wildcard") and expression.endswith("$"):
        found.append(f"$ is a plain character here; write ^{_as_regex(expression[:-1])}$ to mean the end of the value")
    elif kind == "wildcard" and "." in expression and not _UID.fullmatch(expression):
        found.append(f"the dot is a plain dot here; write ^{expression}$ for a regular expression")
    elif kind == "literal" and "." in expression:
        found.append("the dot is a plain dot here; ? stands for one character")
    if kind == "regex" and not expression.startswith(("^", "(?i)^")):
        found.append("without ^ it matches in the middle of a value, too")
    if expression != expression.strip():
        found.append("blanks at its ends belong to the pattern")
    if kind == "regex" and expression.startswith("^(?!") and ".*" not in expression and ".+" not in expression:
        found.append("a negative look-ahead needs .*$ behind it; and an absent element never matches")
    return found


def _as_regex(expression: str) -> str:
    return expression.replace(".", r"\.").replace("*", ".*").replace("?", ".")

"""
Read a MatchExpression: literal, digits and dots, regular expression or wildcard, in that order.

The order and the marks of each kind are those of the Conditions page.  Two of
its consequences surprise: ``CT$`` and ``CHEST.PA`` hold no mark of a regular
expression and are literals, and ``CHEST.*PA`` is a wildcard with a plain dot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from scripts_app.core.conditions.dotnet_regex import translate
from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.quoted import quoted

_REGEX_MARKS = frozenset("[](){}|+\\")
_DIGITS_AND_DOTS = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Pattern:
    expression: str
    kind: str
    """literal, digits, regex or wildcard."""
    compiled: re.Pattern[str] | None

    def matches(self, value: str) -> bool:
        """Case counts; only a regular expression may match a part of the value."""
        if self.compiled is None:
            return value == self.expression
        if self.kind == "regex":
            return self.compiled.search(value) is not None
        return self.compiled.fullmatch(value) is not None

    def __str__(self) -> str:
        return f"{quoted(self.expression)} ({self.kind})"


@lru_cache(maxsize=1024)
def read_pattern(expression: str) -> Pattern:
    """Read a MatchExpression; WrongCondition when it is empty or no valid regular expression."""
    if not expression:
        raise WrongCondition("MatchExpression is missing; ^.+$ matches every value")
    if _DIGITS_AND_DOTS.fullmatch(expression):
        return Pattern(expression, "digits", None)
    if expression.startswith("^") or not _REGEX_MARKS.isdisjoint(expression):
        return Pattern(expression, "regex", _compiled(expression))
    if "*" in expression or "?" in expression:
        parts = {"*": ".*", "?": "."}
        text = "".join(parts.get(character) or re.escape(character) for character in expression)
        return Pattern(expression, "wildcard", re.compile(text, re.DOTALL))
    return Pattern(expression, "literal", None)


def _compiled(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(translate(expression))
    except (re.error, OverflowError, RecursionError) as error:
        raise WrongCondition(
            f"MatchExpression {quoted(expression)} is not a valid regular expression: {error}"
        ) from error

"""
Turn a .NET regular expression into one of Python's ``re``.

Conditions were written for a .NET service (Conditions page).  Most of both
languages is the same; what differs is translated here, and what cannot be
translated is refused rather than matched differently.
"""

from __future__ import annotations

import re

from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.quoted import quoted

_GROUP_NAME = re.compile(r"\(\?(?:<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')")
_BALANCING = re.compile(r"\(\?(?:<\w*-\w+>|'\w*-\w+')")
_INLINE_FLAGS = re.compile(r"\(\?([a-z]*)(?:-([a-z]+))?([:)])")
_NAMED_REFERENCE = re.compile(r"\\k(?:<(\w+)>|'(\w+)')")
_CATEGORY = re.compile(r"\\([pP])\{(\w+)\}")
_CONTROL = re.compile(r"\\c([A-Za-z])")

_KNOWN_FLAGS = frozenset("ims")
_CATEGORIES = {("p", "L"): r"[^\W\d_]", ("p", "Nd"): r"\d", ("P", "Nd"): r"\D"}
_ANCHORS = {r"\z": r"\Z", r"\Z": r"(?=\n?\Z)", r"\e": r"\x1b"}


def translate(pattern: str) -> str:
    """Return the pattern in Python's dialect; WrongCondition for what has no counterpart."""
    return _Translation(pattern).run()


class _Translation:
    def __init__(self, pattern: str) -> None:
        self.source = pattern
        self.at = 0
        self.out: list[str] = []
        # Flag groups opened inside each open parenthesis: "(?i)" in the middle of a
        # .NET pattern holds up to the end of the enclosing group, in all later branches.
        self.open_flags: list[list[str]] = [[]]
        self.named = self.unnamed = self.by_number = False

    def run(self) -> str:
        while self.at < len(self.source):
            self._step()
        if len(self.open_flags) > 1:
            raise WrongCondition(f"regular expression {quoted(self.source)}: a parenthesis is not closed")
        if self.named and self.unnamed and self.by_number:
            # .NET counts named groups last, Python from left to right.
            raise self._unsupported("the number of a group beside named ones (\\k<name> can)")
        self.out.append(")" * len(self.open_flags[0]))
        return "".join(self.out)

    def _take(self, match: re.Match[str]) -> re.Match[str]:
        self.at = match.end()
        return match

    def _step(self) -> None:
        character = self.source[self.at]
        if character == "\\":
            self._escape()
        elif character == "[":
            self.out.append(self._character_class())
        elif character == "(":
            self._group()
        elif character == ")":
            if len(self.open_flags) == 1:
                raise WrongCondition(f"regular expression {quoted(self.source)}: ')' without '('")
            self.out.append(")" * (len(self.open_flags.pop()) + 1))
            self.at += 1
        elif character == "|":
            flags = self.open_flags[-1]
            self.out.append(")" * len(flags) + "|" + "".join(flags))
            self.at += 1
        elif self.source.startswith("{,", self.at):
            self.out.append(r"\{,")  # a quantifier without a minimum is plain text in .NET
            self.at += 2
        else:
            self.out.append(character)
            self.at += 1

    def _group(self) -> None:
        rest = self.source[self.at :]
        if _BALANCING.match(rest):
            raise self._unsupported("balancing groups")
        if rest.startswith("(?#"):
            end = self.source.find(")", self.at)
            if end < 0:
                raise WrongCondition(f"regular expression {quoted(self.source)}: a comment is not closed")
            self.at = end + 1
            return
        if name := _GROUP_NAME.match(self.source, self.at):
            self._take(name)
            self.named = True
            self.out.append(f"(?P<{name[1] or name[2]}>")
        elif (flags := _INLINE_FLAGS.match(self.source, self.at)) and (flags[1] or flags[2]):
            self._take(flags)
            if self._flags(flags[1], flags[2] or "", flags[3]):
                return
        elif rest.startswith("(?"):
            end = 4 if rest[2:3] == "<" else 3
            self.out.append(rest[:end])
            self.at += len(rest[:end])
            if rest.startswith("(?("):
                closing = rest.find(")")
                self.by_number |= rest[3:closing].isdecimal()
                self.out.append(rest[3 : closing + 1])
                self.at += closing + 1 - 3
        else:
            self.out.append("(")
            self.at += 1
            self.unnamed = True
        self.open_flags.append([])

    def _flags(self, on: str, off: str, end: str) -> bool:
        """Write a flag group; True when it stands alone, as in ``(?i)``."""
        if unknown := set(on + off) - _KNOWN_FLAGS:
            raise self._unsupported(f"the option {''.join(sorted(unknown))!r}")
        opening = f"(?{on}{'-' + off if off else ''}:"
        self.out.append(opening)
        if end == ":":
            return False
        self.open_flags[-1].append(opening)
        return True

    def _escape(self) -> None:
        two = self.source[self.at : self.at + 2]
        if two == "\\G":
            raise self._unsupported(r"\G")
        if two in _ANCHORS:
            self.out.append(_ANCHORS[two])
            self.at += 2
        elif reference := _NAMED_REFERENCE.match(self.source, self.at):
            self._take(reference)
            self.out.append(f"(?P={reference[1] or reference[2]})")
        elif category := _CATEGORY.match(self.source, self.at):
            self._take(category)
            if (known := _CATEGORIES.get((category[1], category[2]))) is None:
                raise self._unsupported(f"the category {category[0]}")
            self.out.append(known)
        elif control := _CONTROL.match(self.source, self.at):
            self._take(control)
            self.out.append(f"\\x{ord(control[1].upper()) - 64:02x}")
        else:
            self.by_number |= two[1:] in "123456789" and len(two) == 2
            self.out.append(two)
            self.at += 2

    def _character_class(self) -> str:
        """One ``[...]``; a subtraction such as ``[a-z-[aeiou]]`` becomes a look-ahead."""
        start = self.at
        self.at += 1
        body = "["
        if self.source.startswith("^", self.at):
            body += "^"
            self.at += 1
        if self.source.startswith("]", self.at):
            body += r"\]"
            self.at += 1
        while self.at < len(self.source):
            character = self.source[self.at]
            if character == "]":
                self.at += 1
                return body + "]"
            if self.source.startswith("-[", self.at):
                self.at += 1
                without = self._character_class()
                if not self.source.startswith("]", self.at):
                    break
                self.at += 1
                return f"(?:(?!{without}){body}])"
            if character == "\\":
                body += self._class_escape()
            else:
                # "[" and doubled set operators are reserved by Python, plain in .NET.
                body += "\\" + character if character in "[&~|" else character
                self.at += 1
        raise WrongCondition(f"regular expression {quoted(self.source)}: [ at position {start + 1} is not closed")

    def _class_escape(self) -> str:
        if category := _CATEGORY.match(self.source, self.at):
            if category[2] != "Nd":
                raise self._unsupported(f"the category {category[0]} inside [ ]")
            return _CATEGORIES[self._take(category)[1], "Nd"]
        if control := _CONTROL.match(self.source, self.at):
            return f"\\x{ord(self._take(control)[1].upper()) - 64:02x}"
        two = self.source[self.at : self.at + 2]
        self.at += 2
        return r"\x1b" if two == r"\e" else two

    def _unsupported(self, what: str) -> WrongCondition:
        return WrongCondition(f"regular expression {quoted(self.source)}: {what} cannot be used here")

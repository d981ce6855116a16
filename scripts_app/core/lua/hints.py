"""What compiles and is probably wrong all the same: unknown keywords, destinations, members and globals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from pydicom.datadict import keyword_dict

from scripts_app.core.lua.api import OBJECTS
from scripts_app.core.lua.source import Problem
from scripts_app.core.nearest import SURELY, nearest

_TOKEN = re.compile(
    r"""
    (?P<dashes>--)?\[(?P<level>=*)\[
    |(?P<comment>--[^\n]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<name>[A-Za-z_]\w*)
    |(?P<number>\.?\d[\w.]*)
    |(?P<sign>\.\.\.|\.\.|::|==|~=|<=|>=|//|\S)
    """,
    re.VERBOSE | re.DOTALL,
)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYWORDS = _names(
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while"
)
_STANDARD = _names(
    "_G _VERSION assert collectgarbage coroutine debug dofile error getmetatable io ipairs load loadfile math next os "
    "package pairs pcall print rawequal rawget rawlen rawset require select setmetatable string table tonumber "
    "tostring type utf8 warn xpcall self"
)
_WITH_PATH = _names("Get Exists ToTable Select Items Count Set Remove PopulateAt Append")
_NUMERIC = re.compile(r"\(?[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}\)?")
_FUNCTIONS = frozenset(member.name for found in OBJECTS if found.kind == "function" for member in found.members)
_FIXED = {
    found.name: frozenset(member.name for member in found.members)
    for found in OBJECTS
    if found.kind == "object" and "." not in found.name
}
"""Members of the globals to which scripts cannot add their own."""
_GLOBALS = _STANDARD | _FUNCTIONS | frozenset(found.name for found in OBJECTS if found.kind in ("object", "table"))
_SHELL = {("os", ".", "execute"), ("io", ".", "popen")}


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    text: str
    line: int


def hints(source: str, destinations: Iterable[str], libraries: Iterable[str] = ()) -> list[Problem]:
    """
    One hint for each suspicious place, in order; none is certain, for nothing is run.

    ``libraries`` are the texts of all library files, whose globals an include brings.
    """
    words = _words(source)
    known = _GLOBALS | _defined(words)
    for text in libraries:
        known |= _defined(_words(text))
    titles = list(destinations)
    found = [*_members(words), *_undefined(words, known), *_literals(words, titles), *_shell_calls(words)]
    found += [*_bare_asserts(words), *_endless_waits(words)]
    return sorted(found, key=lambda problem: problem.line)


def _words(source: str) -> list[_Word]:
    words, line, reached, at = [], 1, 0, 0
    endless: set[str] = set()
    while match := _TOKEN.search(source, at):
        line += source.count("\n", reached, match.start())
        reached, at = match.start(), match.end()
        kind, level = str(match.lastgroup), match["level"]
        if level is not None:
            end = -1 if level in endless else source.find(f"]{level}]", at)
            if end < 0:
                # Never looked for again: a text full of open brackets would take minutes.
                endless.add(level)
                at = match.start() + 1
                continue
            kind, at = "comment" if match["dashes"] else "long", end + len(level) + 2
        if kind != "comment":
            words.append(_Word(kind, source[reached:at], line))
    return words


def _defined(words: list[_Word]) -> frozenset[str]:
    """Names that are assigned, declared or parameters anywhere; where is not looked at, to accuse nobody wrongly."""
    names = set()
    listing = False
    for at, word in enumerate(words):
        after = words[at + 1].text if at + 1 < len(words) else ""
        if word.text in ("local", "for", "function"):
            listing = True
        elif word.text in ("=", "in", ")", "do", "then", "return", "end", "if"):
            listing = False
        if word.kind == "name" and word.text not in _KEYWORDS and (listing or after in ("=", ",")):
            names.add(word.text)
    return frozenset(names)


def _undefined(words: list[_Word], known: frozenset[str]) -> Iterator[Problem]:
    told = set()
    for at, word in enumerate(words):
        before = words[at - 1].text if at else ""
        if word.kind != "name" or word.text in _KEYWORDS or word.text in known or word.text in told:
            continue
        if before not in (".", ":", "goto", "::"):
            told.add(word.text)
            yield Problem(word.line, f"{word.text} is defined nowhere{_like(word.text, known)}")


def _members(words: list[_Word]) -> Iterator[Problem]:
    for at in range(len(words) - 2):
        owner, sign, member = words[at : at + 3]
        before = words[at - 1].text if at else ""
        if sign.text not in (".", ":") or member.kind != "name" or before in (".", ":"):
            continue
        called = at + 3 < len(words) and words[at + 3].text == "("
        members = _FIXED.get(owner.text)
        if members is not None and member.text not in members:
            like = _like(member.text, members)
            yield Problem(member.line, f"{owner.text} has no {member.text}{like}")
        elif members is not None and sign.text == "." and called and owner.text != "file":
            yield Problem(member.line, f"write {owner.text}:{member.text}(…) with a colon")


def _literals(words: list[_Word], titles: list[str]) -> Iterator[Problem]:
    for at in range(len(words) - 3):
        sign, member, bracket, argument = words[at : at + 4]
        owner = words[at - 1].text if at else ""
        if argument.kind != "string":
            continue
        text = argument.text[1:-1]
        if sign.text == ":" and bracket.text == "(" and member.text == "Add" and owner == "route":
            if text not in titles:
                yield Problem(argument.line, f"no Storage node has the AE title {text!r}{_like(text, titles)}")
        elif sign.text == ":" and bracket.text == "(" and member.text in _WITH_PATH and "\\" not in text:
            yield from _path(text, argument.line)
    for before, word, bracket, argument in zip([None, *words], words, words[1:], words[2:], strict=False):
        method = before is not None and before.text in (".", ":")
        if word.text == "error" and not method and bracket.text == "(" and argument.kind == "string":
            yield from _error(argument.text[1:-1], argument.line)


def _shell_calls(words: list[_Word]) -> Iterator[Problem]:
    """Values that are put together with a shell command outside sh_quote: their sender may write commands there."""
    for at in range(len(words) - 3):
        owner, sign, member, bracket = words[at : at + 4]
        if (owner.text, sign.text, member.text) not in _SHELL or bracket.text != "(":
            continue
        inside = list(_unquoted(words, at + 4))
        if any(word.text in ("..", "format") for word in inside) and any(_is_value(word) for word in inside):
            call = f"{owner.text}.{member.text}"
            told = f"a value inside a shell command runs as part of it; write {call}(sh_quote('program', value))"
            yield Problem(member.line, told)


def _unquoted(words: list[_Word], at: int) -> Iterator[_Word]:
    """The words of a call from behind its bracket to its end, without those inside sh_quote(...)."""
    depth, quoted = 1, 0
    while at < len(words) and depth:
        word = words[at]
        depth += (word.text == "(") - (word.text == ")")
        if word.text == "sh_quote" and not quoted:
            quoted = depth + 1
        elif quoted and word.text == ")" and depth < quoted:
            quoted = 0
        elif not quoted:
            yield word
        at += 1


def _bare_asserts(words: list[_Word]) -> Iterator[Problem]:
    """Asserts without a message of their own; a call's second value may be one."""
    for before, word, bracket, at in zip([None, *words], words, words[1:], range(2, len(words)), strict=False):
        if word.text != "assert" or bracket.text != "(" or (before is not None and before.text in (".", ":")):
            continue
        inside = list(_unquoted(words, at))[:-1]
        depth, own_message = 0, not inside or inside[-1].text == ")"
        for each in inside:
            depth += (each.text in ("(", "{", "[")) - (each.text in (")", "}", "]"))
            own_message = own_message or (each.text == "," and not depth)
        if not own_message:
            told = "assert without a message says 'assertion failed!', and the word fail fails the image; give it one"
            yield Problem(word.line, told)


def _endless_waits(words: list[_Word]) -> Iterator[Problem]:
    """Counts of a study's New items in a script that asks for another try: its images would wait for each other."""
    if not any(word.kind == "string" and word.text[1:].lower().startswith("retry") for word in words):
        return
    for at, word in enumerate(words[:-1]):
        if word.text not in ("countByState", "countByStudy") or words[at + 1].text != "(":
            continue
        if any(inside.text[1:-1] == "New" for inside in _unquoted(words, at + 2)):
            told = "an image that is put off stays New and counts: a study's images would wait for each other for good"
            yield Problem(word.line, told)


def _is_value(word: _Word) -> bool:
    return word.kind == "name" and word.text not in _KEYWORDS | _STANDARD | {"format"}


def _path(path: str, line: int) -> Iterator[Problem]:
    for step in re.sub(r"\[[^\]]*\]", "", path).split("."):
        name = step.strip()
        if name and not _NUMERIC.fullmatch(name) and name not in keyword_dict:
            yield Problem(line, f"{name!r} is neither a DICOM keyword nor gggg,eeee{_keyword_like(name)}")


def _error(text: str, line: int) -> Iterator[Problem]:
    lowered = text.lower()
    for word, meaning in (("retry", "leaves the image in the queue"), ("fail", "fails the image")):
        if word in lowered and not lowered.startswith(word):
            yield Problem(line, f"the word {word} anywhere in an error {meaning}; begin the message with it if meant")
            return


def _like(wrong: str, known: Iterable[str]) -> str:
    meant = nearest(wrong, known, SURELY)
    return f"; did you mean {meant}?" if meant else ""


@cache
def _keyword_like(wrong: str) -> str:
    return _like(wrong, filter(None, keyword_dict))

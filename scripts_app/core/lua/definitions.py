"""What a text defines for others: its globals, with parameters and the comment above them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEFINED = re.compile(
    r"""
    ^(?:function\s+(?P<function>[A-Za-z_]\w*(?:[.:]\w+)*)\s*\((?P<parameters>[^)\n]*)\)
    |(?P<name>[A-Za-z_]\w*)\s*=(?!=)\s*(?:function\s*\((?P<others>[^)\n]*)\))?)
    """,
    re.VERBOSE,
)
_COMMENT = re.compile(r"--+\s?(?!\[)(.*)")
_KEYWORDS = frozenset(("return", "local", "end", "else", "do", "then", "repeat", "nil", "true", "false"))


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    signature: str
    """``strip(ds, keep)``; the name alone for what is no function."""
    help: str
    """The comment that stands right above it."""


def definitions(source: str) -> list[Definition]:
    """Globals that begin a line, in order, each once; what stands deeper is not looked at."""
    found: dict[str, Definition] = {}
    comment: list[str] = []
    for line in source.splitlines():
        if said := _COMMENT.fullmatch(line.strip()):
            comment.append(said[1].strip())
            continue
        if match := _DEFINED.match(line):
            name = match["function"] or match["name"]
            parameters = match["parameters"] if match["function"] else match["others"]
            if name not in _KEYWORDS:
                signature = name if parameters is None else f"{name}({parameters.strip()})"
                found.setdefault(name, Definition(name, signature, " ".join(filter(None, comment))))
        comment = []
    return list(found.values())

"""Find destinations in scripts that no node answers to, as far as the text alone shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from routing.core.ae_title import Meaning, TitleBook
from scripts_app.configuration.lua_yml import FILE, WrittenEntry
from scripts_app.configuration.problem import Problem

_ADD = re.compile(r"""route\s*:\s*Add\s*\(?\s*(["'])(?P<title>[^"'\\\n]*)\1""")
_COMMENT = re.compile(r"(?m)--(?!\[=*\[).*$")


def unknown_targets(
    entries: Iterable[WrittenEntry], libraries: Mapping[str, str], titles: TitleBook
) -> Iterator[Problem]:
    """
    Each ``route:Add`` with a literal AE title that means no enabled Storage node.

    No mistake of the configuration: the call may never be reached, and titles
    made at run time are not seen at all.  It is worth a word before an image
    fails for it.
    """
    for file, first_line, code in code_of(entries, libraries):
        for call in _ADD.finditer(code):
            title = call["title"]
            resolution = titles.resolve(title)
            if resolution.meaning is Meaning.NODE:
                continue
            line = first_line + code.count("\n", 0, call.start())
            near = titles.nearest(title)
            why = "a disabled node" if resolution.meaning is Meaning.DISABLED else "no Storage node"
            hint = f"; did you mean {near!r}?" if near and near != title else ""
            yield Problem(file, line, f"route:Add({title!r}) names {why}{hint}")


def code_of(entries: Iterable[WrittenEntry], libraries: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """Every script and library without its comments: its file, the line that it begins on, and the code."""
    texts = [(FILE, entry.script_line or 1, entry.script) for entry in entries]
    texts += [(path, 1, source) for path, source in libraries.items()]
    for file, first_line, source in texts:
        yield file, first_line, _COMMENT.sub("", source)

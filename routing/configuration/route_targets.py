"""Find destinations in scripts that no node answers to, as far as the text alone shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from routing.core.ae_title import Meaning, TitleBook
from scripts_app.configuration.lua_yml import FILE, WrittenEntry
from scripts_app.configuration.problem import Problem
from scripts_app.core.collection import Collection, title_of

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


def named_by(collection: Collection, titles: set[str]) -> list[str]:
    """Which entries are for a node and what sends to it, as far as text shows; ``titles``: its own and its aliases."""
    found = []
    for entry in collection["entries"]:
        name = f"the {'' if entry['enabled'] else 'disabled '}entry “{title_of(entry)}”"
        if named := titles.intersection(entry["ae_titles"]):
            alone = "" if set(entry["ae_titles"]) - named else " alone"
            found.append(f"{name} is for it{alone}")
        found += _sending(name, entry.get("script", ""), titles)
    for path, source in collection["libraries"].items():
        found += _sending(f"the library file {path}", source, titles)
    return found


def _sending(name: str, source: str, titles: set[str]) -> list[str]:
    code = _COMMENT.sub("", source)
    calls = [call for call in _ADD.finditer(code) if call["title"].strip(" ") in titles]
    lines = dict.fromkeys(str(1 + code.count("\n", 0, call.start())) for call in calls)
    return [f"{name} sends to it (line {', '.join(lines)})"] if lines else []

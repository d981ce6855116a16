"""Find library files that scripts include and that the directory does not hold, as far as the text alone shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from routing.configuration.route_targets import code_of
from scripts_app.configuration.lua_yml import WrittenEntry
from scripts_app.configuration.problem import Problem
from scripts_app.core.library_tree import INCLUDE
from scripts_app.core.lua.errors import ApiMisuse
from scripts_app.core.lua.include import find_library


def missing_includes(entries: Iterable[WrittenEntry], libraries: Mapping[str, str]) -> Iterator[Problem]:
    """
    Each ``include`` of a literal path that would fail, with the words of that failure.

    No mistake of the configuration, for the call may never be reached.  But an
    entry that fails is skipped, and one that was to take a patient's name away
    lets it pass; a directory of Windows names files in whatever case it likes.
    """
    for file, first_line, code in code_of(entries, libraries):
        for call in INCLUDE.finditer(code):
            try:
                find_library(call["path"], libraries)
            except ApiMisuse as error:
                yield Problem(file, first_line + code.count("\n", 0, call.start()), str(error))

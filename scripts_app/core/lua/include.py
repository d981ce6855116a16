"""Find the library file that include() names."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from scripts_app.core.library_path import IllegalPath, checked_path
from scripts_app.core.lua.errors import ApiMisuse


def find_library(path: str, libraries: Mapping[str, str]) -> str:
    """
    Canonical name of a library, one for all ways to write its path.

    ApiMisuse when the path is not relative, leaves the directory, does not end
    in .lua (Lua filter page, include) or names no library.
    """
    try:
        name = checked_path(path)
    except IllegalPath as error:
        raise ApiMisuse(f"include: {error}") from None
    if name in libraries:
        return name
    close = get_close_matches(name, libraries, n=1, cutoff=0.5)
    raise ApiMisuse(f"include: there is no library {path!r}" + (f"; did you mean {close[0]!r}?" if close else ""))

"""Find the library file that include() names."""

from __future__ import annotations

from collections.abc import Mapping

from scripts_app.core.library_path import IllegalPath, checked_path
from scripts_app.core.lua.errors import ApiMisuse
from scripts_app.core.nearest import did_you_mean


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
    raise ApiMisuse(f"include: there is no library {path!r}{did_you_mean(name, libraries)}")

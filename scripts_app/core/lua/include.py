"""Find the library file that include() names."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from difflib import get_close_matches

from scripts_app.core.lua.errors import ApiMisuse


def find_library(path: str, libraries: Mapping[str, str]) -> str:
    """
    Canonical name of a library, one for all ways to write its path.

    ApiMisuse when the path is not relative, leaves the directory, does not end
    in .lua (Lua filter page, include) or names no library.
    """
    written = path.replace("\\", "/")
    if written.startswith("/") or written[1:2] == ":":
        raise ApiMisuse(f"include: path {path!r} must be relative to the configuration directory")
    if ".." in written:
        raise ApiMisuse(f"include: path {path!r} must not contain ..")
    if not written.endswith(".lua"):
        raise ApiMisuse(f"include: path {path!r} must end in .lua")
    name = posixpath.normpath(written)
    known = {posixpath.normpath(library): library for library in libraries}
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    raise ApiMisuse(f"include: there is no library {path!r}" + (f"; did you mean {close[0]!r}?" if close else ""))

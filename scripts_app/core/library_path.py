"""The legal form of a script or library path (Lua filter page, Script and include)."""

import posixpath


class IllegalPath(ValueError):
    """Not a path that a script may name."""


def checked_path(path: str) -> str:
    """The canonical form of a relative .lua path; IllegalPath says which rule it breaks."""
    if "\\" in path or "\0" in path:
        raise IllegalPath(f"{path!r}: use / between folders")
    if path.startswith("/") or (len(path) > 1 and path[1] == ":"):
        raise IllegalPath(f"{path!r} must be relative to the configuration directory")
    if not path.endswith(".lua"):
        raise IllegalPath(f"{path!r} must end in .lua")
    if ".." in path:
        raise IllegalPath(f"{path!r} must not contain '..'")
    return posixpath.normpath(path)

"""The library files as a tree of folders, with everybody who includes or runs each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts_app.core.collection import Collection, title_of

INCLUDE = re.compile(r"""\binclude\s*\(?\s*(['"])(?P<path>[^'"\n]+)\1""")


@dataclass(frozen=True, slots=True)
class User:
    """An entry, or another file."""

    title: str
    key: str
    """Of the entry; empty for a file."""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Leaf:
    """One line of the tree: a folder, or a file in it."""

    depth: int
    name: str
    path: str
    """Of the file; empty for a folder."""
    users: tuple[User, ...] = ()
    missing: tuple[str, ...] = ()
    """Files that it includes and that are not there."""
    source: str = ""


def library_tree(collection: Collection) -> list[Leaf]:
    """Folders before files, both by name; files stand below their folder with a greater depth."""
    users, libraries = users_by_path(collection), collection["libraries"]
    root: dict[str, Any] = {}
    for path, source in libraries.items():
        *folders, name = path.split("/")
        place = root
        for folder in folders:
            place = place.setdefault(f"{folder}/", {})
        missing = dict.fromkeys(each for each in included(source) if each not in libraries)
        place[name] = Leaf(len(folders), name, path, tuple(users.get(path, ())), tuple(missing), source)
    return list(_lines(root, 0))


def _lines(place: Mapping[str, Any], depth: int) -> Iterator[Leaf]:
    for name in sorted(place, key=lambda name: (not name.endswith("/"), name)):
        found = place[name]
        if isinstance(found, Leaf):
            yield found
        else:
            yield Leaf(depth, name, "")
            yield from _lines(found, depth + 1)


def users_by_path(collection: Collection) -> dict[str, list[User]]:
    """Who runs or includes each path, entries first, in their order."""
    found: dict[str, list[User]] = {}
    for entry in collection["entries"]:
        paths = [entry["library"]] if "library" in entry else included(entry.get("script", ""))
        for path in dict.fromkeys(paths):
            found.setdefault(path, []).append(User(title_of(entry), entry["key"], entry["enabled"]))
    for name, source in sorted(collection["libraries"].items()):
        for path in dict.fromkeys(included(source)):
            if path != name:
                found.setdefault(path, []).append(User(name, ""))
    return found


def included(source: str) -> list[str]:
    """Paths that stand as texts in calls of include()."""
    return [match["path"] for match in INCLUDE.finditer(source)]

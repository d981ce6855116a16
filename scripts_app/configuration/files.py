"""Read the text files of a configuration directory without ever leaving it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from scripts_app.configuration.problem import Problem
from scripts_app.core.library_path import IllegalPath, checked_path

LARGEST = 8 << 20
"""Bytes; a configuration file beyond this is a mistake."""


def read_text(root: Path, name: str, problems: list[Problem]) -> str | None:
    """
    The text of ``root/name`` with ``\\n`` as line end; None when there is no such file or it cannot be used.

    The latter is reported: outside the directory (links included), not UTF-8,
    too large, or with NUL characters.
    """
    path = root / name
    if not path.exists():
        if path.is_symlink():
            problems.append(Problem(name, None, "is a link that leads nowhere"))
        return None
    if leaves(root, path):
        problems.append(Problem(name, None, "is a link to outside of the configuration directory"))
        return None
    if not path.is_file():
        problems.append(Problem(name, None, "is not a file"))
        return None
    try:
        # One byte more than allowed tells a large file from one that just fits, without reading all of it.
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        problems.append(Problem(name, None, f"cannot be read: {error.strerror}"))
        return None
    if len(content) > LARGEST:
        problems.append(Problem(name, None, f"is larger than {LARGEST >> 20} MiB"))
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problems.append(Problem(name, line, f"is not UTF-8: byte 0x{content[error.start]:02X}"))
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        problems.append(Problem(name, text[: text.index("\0")].count("\n") + 1, "has a NUL character"))
        return None
    return text


def read_libraries(root: Path, problems: list[Problem]) -> dict[str, str]:
    """Every .lua file below ``root`` by its relative path; hidden folders are left out."""
    libraries: dict[str, str] = {}
    for name in sorted(_lua_files(root, root, frozenset(), problems)):
        if not is_unicode(name):
            problems.append(Problem(ascii(name), None, "has a name that is not UTF-8"))
            continue
        try:
            checked_path(name)
        except IllegalPath as error:
            problems.append(Problem(name, None, str(error)))
            continue
        source = read_text(root, name, problems)
        if source is not None:
            libraries[name] = source
    return libraries


def _lua_files(root: Path, folder: Path, above: frozenset[Path], problems: list[Problem]) -> Iterator[str]:
    real = folder.resolve()
    if real in above:
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = Path(entry.path)
        name = path.relative_to(root).as_posix()
        if entry.is_dir():
            if entry.name.startswith("."):
                continue
            if leaves(root, path):
                problems.append(Problem(name, None, "is a link to outside of the configuration directory"))
            else:
                yield from _lua_files(root, path, above | {real}, problems)
        elif entry.name.endswith(".lua"):
            yield name


def is_unicode(text: str) -> bool:
    """Whether it can be stored: half a character, as an escape or a file name can hold, has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def leaves(root: Path, path: Path) -> bool:
    """Whether the path, links followed, lies outside of ``root``."""
    return not path.resolve().is_relative_to(root.resolve())

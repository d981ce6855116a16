"""A configuration directory as one .zip file: packed the same way every time, unpacked with suspicion."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath

from routing.configuration import config_yml, nodes_yml, senders_yml
from scripts_app.configuration import lua_yml
from scripts_app.configuration.problem import ConfigurationError, Problem

MOST_PACKED = 5 << 20
MOST_UNPACKED = 20 << 20
MOST_YAML = 1 << 20
"""Bytes of one YAML file, which takes some twenty seconds to read; somebody waits in front of a browser."""
MOST_FILES = 1000
LONGEST_NAME = 200
"""Bytes; the tables take as many characters for a .lua file, and a disk rarely more than 255 bytes."""

_READ = (config_yml.FILE, nodes_yml.FILE, senders_yml.FILE, lua_yml.FILE)
_ENDINGS = (".yml", ".yaml", ".lua")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that a .zip file can name."""
_ENCRYPTED = 0x1
_KINDS = (0, stat.S_IFREG, stat.S_IFDIR)
"""0: made by a program that knows no kinds."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)
"""What zipfile raises when it meets bytes that are no archive; NotImplementedError is a RuntimeError."""


def pack(files: Mapping[str, str]) -> bytes:
    """The archive of these texts; the same texts give the same bytes."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system, member.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(member, files[name].encode(), zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


def unpack(content: bytes, root: Path) -> None:
    """
    Write the files of the archive below ``root``, an empty directory; a single top folder is left out.

    ConfigurationError lists all that is wrong with the archive, before anything is written, or
    names the file whose bytes are damaged.
    """
    if len(content) > MOST_PACKED:
        raise _refusal(f"is larger than {MOST_PACKED >> 20} MiB")
    try:
        archive = zipfile.ZipFile(BytesIO(content))
    except _BROKEN:
        raise _refusal("is no .zip file") from None
    with archive:
        for name, member in _members(archive).items():
            try:
                # Never more bytes than the archive declares, whose sum has been judged: zipfile stops there.
                text = archive.read(member)
            except _BROKEN:
                raise ConfigurationError([Problem(name, None, "is damaged in the archive")]) from None
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files by their path in the configuration directory; ConfigurationError when there is anything else."""
    # zipfile cuts a name at a NUL; what stood there before is what counts.
    named = [(member.orig_filename, member) for member in archive.infolist()]
    # Finder adds these without being asked.
    named = [(name, m) for name, m in named if not name.startswith("__MACOSX/") and not name.endswith(".DS_Store")]
    if len(named) > MOST_FILES:
        raise _refusal(f"holds {len(named)} files and folders; at most {MOST_FILES} are taken")
    problems = [Problem(_shown(name), None, said) for name, member in named for said in _wrong(name, member)]
    files = [(name, member) for name, member in named if not name.endswith("/")]
    counts = Counter(name for name, _ in files)
    problems += [Problem(_shown(name), None, f"is there {n} times") for name, n in counts.items() if n > 1]
    for name in counts:
        for folder in PurePosixPath(name).parents:
            if str(folder) in counts:
                problems.append(Problem(_shown(name), None, f"lies in {_shown(str(folder))}, which is a file"))
    size = sum(member.file_size for _, member in files)
    if size > MOST_UNPACKED:
        problems += _refusal(f"is {size} bytes when unpacked; at most {MOST_UNPACKED >> 20} MiB are taken").problems
    if problems:
        raise ConfigurationError(problems)
    top = f"{files[0][0].split('/')[0]}/" if files else ""
    if files and all(name.startswith(top) for name, _ in files):
        files = [(name.removeprefix(top), member) for name, member in files]
    found = dict(files)
    if problems := list(_misplaced(found)):
        raise ConfigurationError(problems)
    return found


def _wrong(name: str, member: zipfile.ZipInfo) -> Iterator[str]:
    """Why this file or folder is not taken."""
    folders = name.removesuffix("/").split("/")
    if (length := len(name.encode())) > LONGEST_NAME:
        yield f"has a name of {length} bytes; at most {LONGEST_NAME} are taken"
    if not name.isprintable() or "\\" in name:
        yield "has a character in its name that is not taken: use / between folders"
    elif name.startswith("/") or name[1:2] == ":":
        yield "must be relative to the configuration directory"
    elif not {"", ".", ".."}.isdisjoint(folders):
        yield "must not contain '.', '..' or an empty name as a folder"
    if stat.S_IFMT(member.external_attr >> 16) not in _KINDS:
        yield "is a link or a device; only files are taken"
    if name.endswith("/"):
        return
    if not name.endswith(_ENDINGS):
        yield f"is not taken: only {', '.join(_ENDINGS)} files are"
    elif not name.endswith(".lua") and member.file_size > MOST_YAML:
        yield f"is larger than {MOST_YAML >> 20} MiB; the command import_config takes it"
    if member.flag_bits & _ENCRYPTED:
        yield "is encrypted"
    elif member.compress_type not in _METHODS:
        yield "is compressed in a way that is not taken: use deflate, which every program knows"


def _misplaced(files: Mapping[str, object]) -> Iterator[Problem]:
    """What would not be read although somebody meant it to be."""
    for name in files:
        meant = name.casefold().replace(".yaml", ".yml")
        if meant in _READ and name != meant:
            yield Problem(name, None, f"is not read; did you mean {meant!r}?")
    if files.keys().isdisjoint(_READ):
        yield from _refusal(f"has none of {', '.join(_READ[:-1])} and {_READ[-1]} at its top").problems


def _shown(name: str) -> str:
    name = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
    return name if name.isprintable() else ascii(name)


def _refusal(message: str) -> ConfigurationError:
    return ConfigurationError([Problem("the archive", None, message)])

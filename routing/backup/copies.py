"""Files copied with their SHA-256, and the list of sums that tells later whether they are still the same."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

SUMS = "SHA256SUMS"
"""In the form of ``sha256sum -c``, so that a backup can be checked without this program."""
_PIECE = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


class BackupProblem(Exception):
    """A backup can't be made, read or restored; the text says why, and nothing was overwritten."""


def ask_for_room(folder: Path, needed: int, consequence: str = "") -> None:
    """BackupProblem, which begins with the consequence, when so many bytes do not fit there."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupProblem(
            f"{consequence}{folder} has {free >> 20} MiB free; the backup needs {(needed >> 20) + 1} MiB"
        )


def copy(source: Path, target: Path) -> str:
    """
    Copy a file durably and answer its SHA-256.

    The name comes last, so a file that has it is whole.  FileExistsError when
    there is one already; FileNotFoundError when the source has gone.
    """
    with source.open("rb") as reading:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if target.exists():
            raise FileExistsError(f"{target} is there already")
        draft = target.with_name(f"{target.name}.part")
        digest = hashlib.sha256()
        with open(draft, "xb", opener=_private) as writing:
            while piece := reading.read(_PIECE):
                digest.update(piece)
                writing.write(piece)
            writing.flush()
            os.fdatasync(writing.fileno())
    draft.rename(target)
    return digest.hexdigest()


def sum_of(path: Path) -> str:
    """SHA-256 of what the disk holds, not of what is still in memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def write_private(path: Path, text: str) -> None:
    """A text file that only its owner reads."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "x", encoding="utf-8", opener=_private) as file:
        file.write(text)


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    write_private(folder / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))


def read_sums(folder: Path) -> dict[str, str]:
    """Sums by relative name; BackupProblem when a line is none or leads out of the folder."""
    sums = {}
    for count, line in enumerate((folder / SUMS).read_text(encoding="utf-8").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or ".." in Path(match[2]).parts or Path(match[2]).is_absolute():
            raise BackupProblem(f"{SUMS}, line {count}: no sum of a file of this backup")
        sums[match[2]] = match[1]
    return sums


def differing(folder: Path, sums: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each file that is missing, cannot be read, or is not what its sum says."""
    for name, digest in sums.items():
        try:
            if sum_of(folder / name) != digest:
                yield f"{name} is not the file that was backed up"
        except FileNotFoundError:
            yield f"{name} is missing"
        except OSError as error:
            yield f"{name} cannot be read: {error.strerror}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

"""What a database error says of a full disk: which file system it is, and what helps."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SQLITE = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})
_POSTGRESQL = "53100"
"""disk_full"""
_TEMPORARY = ("/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108
"""Where SQLite looks for a folder behind SQLITE_TMPDIR and TMPDIR."""


def is_full(error: BaseException | None) -> bool:
    """Whether a driver's error, or what Django made of one, says that a disk is full."""
    for each in (error, error and error.__cause__):
        if getattr(each, "sqlite_errorname", "") in _SQLITE or getattr(each, "sqlstate", "") == _POSTGRESQL:
            return True
    return False


def why_full(database: Path | None) -> str:
    """
    What is the matter, and what to do, in sentences; ``database``: SQLite's file, None where a server keeps it.

    Sorting goes through temporary files, perhaps on another file system: the one with less room is meant.
    """
    if database is None:
        return "the disk of the database server is full. Nothing is damaged: make room there, then start again"
    here, elsewhere = database.parent, _temporary()
    free = shutil.disk_usage(here).free
    what, remedy = f"where the database {database} lies", "Make room there"
    if elsewhere is not None and shutil.disk_usage(elsewhere).free < free:
        here, free = elsewhere, shutil.disk_usage(elsewhere).free
        what, remedy = f"where SQLite keeps its temporary files ({elsewhere})", "Make room there, or set SQLITE_TMPDIR"
    return (
        f"the file system {_mount_of(here)}, {what}, is full ({free / 2**20:,.0f} MiB free). Nothing is damaged:"
        f" what was begun has been taken back. {remedy} (a new version's tables may need twice the size of the old"
        " ones), then start again"
    )


def _temporary() -> Path | None:
    named = [os.environ[name] for name in ("SQLITE_TMPDIR", "TMPDIR") if os.environ.get(name)]
    folders = map(Path, (*named, *_TEMPORARY))
    return next((each for each in folders if each.is_dir() and os.access(each, os.W_OK | os.X_OK)), None)


def _mount_of(folder: Path) -> Path:
    """The root of the file system."""
    folder = folder.resolve()
    return next(each for each in (folder, *folder.parents) if each.is_mount())

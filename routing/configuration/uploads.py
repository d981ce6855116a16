"""Uploads that wait until somebody agrees to their plan: in the data folder, for their owner, for a while."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

from routing.folders import data_folder

KEPT_MINUTES = 15
_TOKEN = re.compile(r"[0-9a-f]{32}")


class NotKept(Exception):
    """There is no such upload of this person, or not any longer."""


def keep(content: bytes, owner: str) -> str:
    """Keep an upload, and answer the token that brings it back; the owner's one before is forgotten."""
    forget(owner)
    token = secrets.token_hex(16)
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Scripts may hold what only their authors are to read.
    with os.fdopen(os.open(_path(owner, token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return token


def kept(token: str, owner: str) -> bytes:
    """What was uploaded; NotKept when it is too old, somebody else's, or was forgotten."""
    sweep()
    if not _TOKEN.fullmatch(token):
        raise NotKept
    try:
        return _path(owner, token).read_bytes()
    except FileNotFoundError:
        raise NotKept from None


def forget(owner: str) -> None:
    """Remove what this person has uploaded."""
    for path in _folder().glob(f"{owner}-*.zip"):
        path.unlink(missing_ok=True)


def sweep() -> None:
    """Remove what nobody has agreed to in time."""
    for path in _folder().glob("*.zip"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - KEPT_MINUTES * 60:
                path.unlink()


def _folder() -> Path:
    return data_folder() / "imports"


def _path(owner: str, token: str) -> Path:
    return _folder() / f"{owner}-{token}.zip"

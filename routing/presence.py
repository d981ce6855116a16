"""
A file that says "this process lives": held under a lock that the kernel drops when the process dies.

It is also the sent journal: the ids of items whose destination has answered are
appended before their rows are recorded, so that a kill in between does not send twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SUFFIX = ".presence"


class Presence:
    """
    The sign of life of one process on this machine; ``owner`` names its leases.

    Time plays no part in it: neither a clock that jumps nor a slow machine makes
    a living process look dead, and a dead one is noticed at once.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.owner = f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._path = folder / f"{self.owner}{_SUFFIX}"
        # Locked before it gets its name: nobody may find it unlocked and take the process for dead.
        draft = folder / f".{self.owner}"
        self._fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        os.rename(draft, self._path)

    def journal(self, item_id: int) -> None:
        """
        Note that the destination has taken this item.

        One write(2) without fsync: it outlives the process, which is the case
        that matters; after a power cut a second sending cannot be excluded.
        """
        os.write(self._fd, b"%d\n" % item_id)

    def clear_journal(self) -> None:
        """Forget the noted items: all are recorded."""
        os.ftruncate(self._fd, 0)

    def end(self) -> None:
        """Leave in good order: everything is recorded and given back."""
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class Departed:
    """A process that died: who it was and what it had sent without recording it."""

    owner: str
    sent: tuple[int, ...]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int | None]:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held the lock before may have removed the file meanwhile.
        yield fd if os.fstat(fd).st_nlink else None
    except BlockingIOError:
        yield None
    finally:
        os.close(fd)


@contextlib.contextmanager
def departed(folder: Path, owner: str) -> Iterator[Departed | None]:
    """
    The dead process ``owner``, for as long as the caller settles what it left; None when it lives.

    The lock is held meanwhile, so no two processes settle the same one; the
    file goes when the caller has come through without an error.
    """
    path = folder / f"{owner}{_SUFFIX}"
    with _locked(path) as fd:
        if fd is None:
            yield None
            return
        noted = os.pread(fd, os.fstat(fd).st_size, 0).split(b"\n")
        # A line that the kill cut short has no newline behind it and is the last part.
        yield Departed(owner, tuple(int(line) for line in noted[:-1] if line.isdigit()))
        path.unlink(missing_ok=True)


def owners(folder: Path) -> list[str]:
    """Everybody who has a presence file here, dead or alive."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))


def living(folder: Path) -> list[str]:
    """Those of them that live: nobody else can lock their files."""
    found = []
    for owner in owners(folder):
        path = folder / f"{owner}{_SUFFIX}"
        with _locked(path) as fd:
            if fd is None and path.exists():
                found.append(owner)
    return found

"""
A file that says "this process lives": held under a lock that the kernel drops when the process dies.

It is also the sent journal: the ids of items whose destination has answered are
appended before their rows are recorded, so that a kill in between does not send twice,
and once more with a minus behind it, so that nothing that is sent again later is taken for sent.
None of it is synced: of a process that the machine itself has taken along, only the items that it held count.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SUFFIX = ".presence"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_LONGEST = 1 << 18
"""Bytes of the journal behind which it is written anew, with what is still to be recorded."""


class Presence:
    """
    The sign of life of one process on this machine; ``owner`` names its leases.

    Time plays no part in it: neither a clock that jumps nor a slow machine makes
    a living process look dead, and a dead one is noticed at once.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.owner = f"{_this_host()}:{os.getpid()}:{secrets.token_hex(4)}@{_this_boot()}"
        self._path = folder / f"{self.owner}{_SUFFIX}"
        self._lock = threading.Lock()
        self._noted: dict[int, int] = {}
        """Sent and not recorded yet, with the answers: what a reader of the file comes to, too."""
        self._length = 0
        self._stale = False
        """What is noted does not stand in the file: the disk was full.  It is written anew the next time."""
        self._fd = self._begin(b"")

    def _begin(self, content: bytes) -> int:
        # Locked before it gets its name: nobody may find it unlocked and take the process for dead.
        draft = _draft(self._path.parent, self.owner)
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            while content:
                content = content[os.write(fd, content) :]
            os.rename(draft, self._path)
        except OSError:
            os.close(fd)
            raise
        return fd

    def journal(self, item_id: int, status: int = 0) -> None:
        """
        Note that the destination has taken this item, and answered with this status.

        One write(2) without fsync: it outlives the process, which is the case
        that matters; after a power cut a second sending cannot be excluded.
        """
        with self._lock:
            if self._stale:
                self._begin_anew()
            self._append(_line(item_id, status))
            self._noted[item_id] = status

    def _append(self, lines: bytes) -> None:
        """All of it or, with an OSError, nothing: behind half a line the next one would be lost."""
        if os.write(self._fd, lines) < len(lines):
            os.ftruncate(self._fd, self._length)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._length += len(lines)

    @property
    def unrecorded(self) -> int:
        """How many are noted and not recorded."""
        return len(self._noted)

    def forget(self, item_ids: Iterable[int]) -> None:
        """These are recorded.  The file stays short, also where something is always on its way."""
        with self._lock:
            gone = self._noted.keys() & set(item_ids)
            for item_id in gone:
                del self._noted[item_id]
            try:
                if not self._noted:
                    os.ftruncate(self._fd, 0)
                    self._length = 0
                elif self._stale or self._length > _LONGEST:
                    noted = self._all_noted()
                    before, self._fd = self._fd, self._begin(noted)
                    os.close(before)
                    self._length = len(noted)
                else:
                    self._append(b"".join(b"-%d\n" % item_id for item_id in gone))
                self._stale = False
            except OSError:
                self._begin_anew()

    def _begin_anew(self) -> None:
        """
        Shorter takes no room.  What is lost by a kill in between may be sent twice.

        What is recorded must not stand there any longer: sent again later, it would be taken for sent.
        """
        os.ftruncate(self._fd, 0)
        self._length, self._stale = 0, True
        with contextlib.suppress(OSError):
            self._append(self._all_noted())
            self._stale = False

    def _all_noted(self) -> bytes:
        return b"".join(_line(item_id, status) for item_id, status in self._noted.items())

    def end(self) -> None:
        """Leave in good order: everything is recorded and given back."""
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)
            _draft(self._path.parent, self.owner).unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class Departed:
    """A process that died: who it was and what it had sent without recording it."""

    owner: str
    sent: tuple[int, ...]
    statuses: Mapping[int, int] = field(default_factory=dict)
    """Of what was sent, the answers that were more than Success."""


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
        # Of another boot, lines may be on the disk without the minus behind them: recorded, and redirected since, say,
        # an item would be taken for sent to where it never was.  Better once more than not at all.
        sent = {} if _of_another_boot(owner) else _sent(os.pread(fd, os.fstat(fd).st_size, 0))
        yield Departed(owner, tuple(sent), {item: status for item, status in sent.items() if status})
        path.unlink(missing_ok=True)
        _draft(folder, owner).unlink(missing_ok=True)


def _sent(content: bytes) -> dict[int, int]:
    """The items whose lines stand there and are not taken back, each with the node's answer."""
    sent: dict[int, int] = {}
    # A line that the kill cut short has no newline behind it and is the last part.
    for line in content.split(b"\n")[:-1]:
        item, space, status = line.partition(b" ")
        if item.isdigit() and (status.isdigit() or not space):
            sent[int(item)] = int(status or 0)
        elif line[:1] == b"-" and line[1:].isdigit():
            sent.pop(int(line[1:]), None)
    return sent


def _line(item_id: int, status: int) -> bytes:
    return b"%d %d\n" % (item_id, status) if status else b"%d\n" % item_id


def _this_boot() -> str:
    """Which start of the machine this is, in eight letters; empty where nothing tells."""
    try:
        return _BOOT.read_text("ascii")[:8]
    except OSError:
        return ""


def _this_host() -> str:
    return socket.gethostname()[:32]


def _of_another_boot(owner: str) -> bool:
    """Whether this machine has been started since; of others, which may share the folder, nobody here knows."""
    boot = owner.partition("@")[2]
    return bool(boot) and owner.startswith(f"{_this_host()}:") and boot != _this_boot()


def _draft(folder: Path, owner: str) -> Path:
    return folder / f".{owner}"


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

"""Where files live: written under a passing name, made durable, then named by their identifier."""

import contextlib
import errno
import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from routing.checksum import crc32
from routing.core.identifiers import EPOCH, hour_of
from routing.spool_mark import is_gone, is_marked, mark
from routing.spread import make_apart, spread_folders_in, sweep_drawn
from routing.write_out import start_writing_out, sync_folder

Durability = Literal["full", "none"]
Bytes = bytes | bytearray | memoryview

_FINAL = ".dcm"
_PART = ".dcm.part"
_FOLDERS_KEPT_OPEN = 4
# IOV_MAX of Linux; more pieces in one writev are an error.
_PIECES_PER_WRITE = 1024
_WRITE_OUT = 2 << 20
"""Bytes of a large file that are sent to the disk while the rest comes in; a small one gains nothing by it."""


class SpoolGone(OSError):
    """The folder is not the spool any more: unmounted, moved away or replaced."""

    def __init__(self, root: Path) -> None:
        super().__init__(errno.ESTALE, f"the spool is gone from {root}: is its file system mounted?")


class Spool:
    """
    A tree of files ``YYYYMMDD/HH/<identifier>.dcm``, the hour being that of the identifier (UTC).

    No name ever comes from a sender.  ``full`` means that a committed file
    survives a power cut; ``none`` leaves that to the operating system.
    Safe to use from several threads and several processes.
    """

    def __init__(self, root: Path, durable: Durability = "full") -> None:
        self.root = root
        self.durable = durable == "full"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.marked = is_marked(root)
        """Whether it has ever been known for the spool; an empty mount point is not."""
        spread_folders_in(root)
        self._folders: dict[str, _Folder] = {}
        self._lock = threading.Lock()

    def mark(self) -> None:
        """Make it known for the spool from now on."""
        mark(self.root)
        self.marked = True

    @property
    def gone(self) -> bool:
        """Whether another folder, or none, is where the spool was: files seem missing that are not."""
        return is_gone(self.root)

    def path(self, identifier: int) -> Path:
        return self.root / _hour(identifier) / f"{identifier}{_FINAL}"

    def begin(self, identifier: int) -> "Part":
        """
        Open a new file for writing.

        FileExistsError: this identifier already has a file, which happens
        when a clock was set back; the caller takes another identifier.
        """
        hour = _hour(identifier)
        try:
            return Part(self._folder(hour), identifier, self.durable)
        except FileNotFoundError:
            # Pruning removed the folder behind the open descriptor.
            with self._lock:
                self._folders.pop(hour, None)
            return Part(self._folder(hour), identifier, self.durable)

    def discard(self, identifier: int) -> bool:
        """Remove a committed file; False when there is none."""
        try:
            self.path(identifier).unlink()
        except FileNotFoundError:
            return False
        return True

    def ids(self, since: int | None = None) -> Iterator[int]:
        """Every identifier that has a committed file, in order, from ``since`` on."""
        first_hour = "" if since is None else _hour(since)
        for hour in self._hours():
            if hour >= first_hour:
                yield from _identifiers(self.root / hour, since or 0)

    def sweep_parts(self, older_than: timedelta) -> int:
        """Remove what unfinished writers left behind and nobody touched for this long; answer how many."""
        limit = time.time() - older_than.total_seconds()
        swept = sweep_drawn(self.root, limit)
        for hour in self._hours():
            folder = self.root / hour
            for name in _names(folder):
                if name.endswith(_PART):
                    # Another process may finish or sweep the same file meanwhile, or the disk does not let it go.
                    with contextlib.suppress(OSError):
                        if (folder / name).stat().st_mtime <= limit:
                            (folder / name).unlink()
                            swept += 1
        return swept

    def prune_folders(self, before: datetime) -> int:
        """Remove the empty folders of hours that ended before this moment; answer how many hours."""
        last = f"{before:%Y%m%d/%H}"
        pruned = 0
        for hour in self._hours():
            if hour < last:
                # Not empty, or somebody else was faster.
                with contextlib.suppress(OSError):
                    (self.root / hour).rmdir()
                    pruned += 1
                    (self.root / hour).parent.rmdir()
        return pruned

    def free_bytes(self) -> int:
        """Bytes that a file may still take on this file system."""
        answer = os.statvfs(self.root)
        return answer.f_bavail * answer.f_frsize

    def free_inodes(self) -> int | None:
        """Files that may still be made; None where the file system sets no limit (btrfs)."""
        answer = os.statvfs(self.root)
        return answer.f_favail if answer.f_files else None

    def _hours(self) -> list[str]:
        return sorted(
            f"{day}/{hour}"
            for day in _names(self.root)
            if len(day) == 8 and day.isdecimal()
            for hour in _names(self.root / day)
            if len(hour) == 2 and hour.isdecimal()
        )

    def _folder(self, hour: str) -> "_Folder":
        with self._lock:
            folder = self._folders.get(hour)
            if folder is None:
                if self.gone:
                    # Where it was mounted a file would be durable, and hidden as soon as it is mounted again.
                    raise SpoolGone(self.root)
                folder = _Folder(self.root, hour, self.durable)
                while len(self._folders) >= _FOLDERS_KEPT_OPEN:
                    self._folders.pop(next(iter(self._folders)))
                self._folders[hour] = folder
            return folder


class Part:
    """A file being written: nobody finds it before ``commit``, nothing is left after ``discard``."""

    def __init__(self, folder: "_Folder", identifier: int, durable: bool) -> None:
        self.identifier = identifier
        self.size = 0
        self.checksum = 0
        """CRC-32 of all that was written."""
        self._folder = folder
        self._durable = durable
        self._written_out = 0
        self._name = f"{identifier}{_PART}"
        self._final = f"{identifier}{_FINAL}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.fd = os.open(self._name, flags, 0o600, dir_fd=folder.fd)
        try:
            # Only now: nobody can commit this identifier while its passing name is taken.
            if folder.holds(self._final):
                raise FileExistsError(f"identifier {identifier} already has a file")
        except OSError:
            self.discard()
            raise

    def write(self, pieces: Iterable[Bytes]) -> None:
        """Append pieces in order.  OSError as the file system gives it, for instance when it is full."""
        waiting = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
        for piece in waiting:
            self.checksum = crc32(piece, self.checksum)
        while waiting:
            batch = waiting[:_PIECES_PER_WRITE]
            written = os.writev(self.fd, batch)
            self.size += written
            done = 0
            for piece in batch:
                if written < len(piece):
                    break
                written -= len(piece)
                done += 1
            waiting = waiting[done:]
            if written:
                waiting[0] = waiting[0][written:]
        if self._durable and self.size - self._written_out >= _WRITE_OUT:
            start_writing_out(self.fd, self._written_out, self.size - self._written_out)
            self._written_out = self.size

    def commit(self) -> None:
        """
        Make the file durable and give it its name.

        The bytes first, then the name, then the folder that holds the name:
        only after the last may anybody be told that the file is safe.
        """
        if self._durable:
            os.fdatasync(self.fd)
        os.rename(self._name, self._final, src_dir_fd=self._folder.fd, dst_dir_fd=self._folder.fd)
        if self._durable:
            try:
                os.fsync(self._folder.fd)
            except OSError:
                # The caller hears of a failure and must not find the file later all the same.
                os.unlink(self._final, dir_fd=self._folder.fd)
                raise
        self._close()

    def move_to(self, path: Path) -> None:
        """Instead of ``commit``: leave the file under another name of this file system."""
        os.rename(self._name, path, src_dir_fd=self._folder.fd)
        self._close()

    def discard(self) -> None:
        """Remove what was written; harmless after ``commit`` and when called twice."""
        if self.fd >= 0:
            self._close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._name, dir_fd=self._folder.fd)

    def _close(self) -> None:
        fd, self.fd = self.fd, -1
        os.close(fd)


class _Folder:
    """One hour's folder, held open: its descriptor is what names are made in and what is synced."""

    def __init__(self, root: Path, hour: str, durable: bool) -> None:
        path = root / hour
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(mode=0o700)
        make_apart(path, within=root)
        if durable:
            # Also when they existed: another process may have made them and not have synced them yet.
            for folder in (root, path.parent):
                sync_folder(folder)
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # A Part may still use the descriptor after the cache let go of the folder.
        weakref.finalize(self, os.close, self.fd)

    def holds(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True


def _hour(identifier: int) -> str:
    return _hour_name(hour_of(identifier))


@lru_cache(_FOLDERS_KEPT_OPEN)
def _hour_name(hour: int) -> str:
    return f"{EPOCH + timedelta(hours=hour):%Y%m%d/%H}"


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _identifiers(folder: Path, since: int) -> list[int]:
    """Those of the committed files in order; an hour may have a million, of which few are asked for."""
    first = f"{since}{_FINAL}"
    try:
        with os.scandir(folder) as entries:
            # Texts first: numbers are made of those that may be asked for alone.
            names = (entry.name for entry in entries if entry.name >= first or len(entry.name) != len(first))
            numbers = (name.removesuffix(_FINAL) for name in names if name.endswith(_FINAL))
            found = [int(number) for number in numbers if number.isdecimal()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(identifier for identifier in found if identifier >= since)

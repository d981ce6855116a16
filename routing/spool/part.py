"""A file being written: under a passing name, made durable, then named by its identifier in the folder of its hour."""

import contextlib
import os
import weakref
from collections.abc import Iterable
from pathlib import Path

from routing.spool.checksum import crc32
from routing.spool.seal import seal
from routing.spool.spread import make_apart
from routing.spool.write_out import names_go_with_files, start_writing_out, sync_folder

Bytes = bytes | bytearray | memoryview

FINAL = ".dcm"
PASSING = ".dcm.part"
# IOV_MAX of Linux; more pieces in one writev are an error.
_PIECES_PER_WRITE = 1024
_MODE = 0o600
_WRITE_OUT = 2 << 20
"""Bytes of a large file that are sent to the disk while the rest comes in; a small one gains nothing by it."""


class Folder:
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
        self.names_go_with_files = durable and names_go_with_files(self.fd)
        # A Part may still use the descriptor after the cache let go of the folder.
        weakref.finalize(self, os.close, self.fd)

    def holds(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True


class Part:
    """A file being written: nobody finds it before ``commit``, nothing is left after ``discard``."""

    def __init__(self, folder: Folder, identifier: int, durable: bool) -> None:
        self.identifier = identifier
        self.size = 0
        self.checksum = 0
        """CRC-32 of all that was written."""
        self._folder = folder
        self._durable = durable
        self._written_out = 0
        self._name = f"{identifier}{PASSING}"
        self._final = f"{identifier}{FINAL}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.fd = os.open(self._name, flags, _MODE, dir_fd=folder.fd)
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
        Make the file durable and give it its name: only then may anybody be told that it is safe.

        The bytes, then the name, then the folder that holds the name.  Where the
        name becomes durable with the file, one barrier is enough for all: the file
        is sealed and has its name before; what a power cut leaves of it then does
        not match the seal, and nobody was told that it is safe.
        """
        folder = self._folder
        sealed = self._durable and folder.names_go_with_files and seal(self.fd, self.size, self.checksum)
        if self._durable and not sealed:
            os.fdatasync(self.fd)
        os.rename(self._name, self._final, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        if self._durable:
            try:
                # Not fdatasync: to that a name is no data.
                os.fsync(self.fd if sealed else folder.fd)
                if sealed:
                    # An ext4 whose journal has just been given up, for its disk fails, may call the sync a success.
                    os.fchmod(self.fd, _MODE)
            except OSError:
                # The caller hears of a failure and must not find the file later all the same.
                # Where the disk takes nothing any more, it stays: adopted, it is synced first.
                with contextlib.suppress(OSError):
                    os.unlink(self._final, dir_fd=folder.fd)
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

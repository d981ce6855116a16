"""
Ask the file system to keep the folders within a folder apart from each other on the disk.

ext4 places a folder beside its parent, and without a journal it looks for a new file's inode over all those of that
part of the disk that were freed in the last minutes, one by one: after some hundred files have been purged there, each
file that is received costs up to a millisecond of processor time more (measured: 0.02 against 0.8 ms).  Folders that
are kept apart come where the fewest folders are, which is where one has just been removed, with its files.  So several
are made, which leads each further one elsewhere, and the first is kept in which files are cheap.
"""

import contextlib
import fcntl
import os
import re
import secrets
import struct
import time
from pathlib import Path

# Of linux/fs.h, for machines with the common encoding of ioctl numbers; elsewhere they mean nothing and are refused.
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_TOP_OF_HIERARCHIES = 0x00020000
_long = struct.Struct("@l")
_DRAWN = re.compile(r"\.[0-9a-f]{16}")
_PLACES = 32
"""Folders that are made at most before the best of them is taken, once in an hour: 1 ms for a good one, 5 for a bad."""
_FILES = 64
"""With fewer, a place seems good whose first inodes happen to be free: those of the folders that were there."""
_CHEAP = 50_000
"""Nanoseconds of processor time; a file takes 10,000 to 20,000 of them where nothing was freed."""


def spread_folders_in(folder: Path) -> None:
    """Folders that are made in this one from now on are placed apart, where the file system knows how."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            (flags,) = _long.unpack(fcntl.ioctl(descriptor, _GET_FLAGS, bytes(_long.size)))
            if not flags & _TOP_OF_HIERARCHIES:
                fcntl.ioctl(descriptor, _SET_FLAGS, _long.pack(flags | _TOP_OF_HIERARCHIES))
        finally:
            os.close(descriptor)


def make_apart(path: Path, within: Path) -> None:
    """Make a folder at a place on the disk where files are cheap; harmless when it is there already."""
    if path.is_dir():
        return
    drawn = _draw(within)
    try:
        # An empty folder that another process has made meanwhile is replaced; one with files refuses that.
        drawn.rename(path)
    except OSError:
        drawn.rmdir()
        if not path.is_dir():
            raise


def _draw(within: Path) -> Path:
    """A new folder with a passing name: the first in which files are cheap, or the best of many."""
    costs: dict[Path, int] = {}
    for _ in range(_PLACES):
        folder = within / f".{secrets.token_hex(8)}"
        try:
            folder.mkdir(mode=0o700)
        except OSError:
            if costs:
                break
            raise
        costs[folder] = _cost_of_files(folder)
        if costs[folder] < _CHEAP:
            break
    best = min(costs, key=costs.__getitem__)
    for folder in costs.keys() - {best}:
        # What stays is swept later.
        with contextlib.suppress(OSError):
            folder.rmdir()
    return best


def _cost_of_files(folder: Path) -> int:
    """Nanoseconds of processor time for one of many new files here, which get no names; 0 where there are none such."""
    costs: list[int] = []
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError):
        for _ in range(_FILES):
            began = time.thread_time_ns()
            descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
            costs.append(time.thread_time_ns() - began)
            opened.callback(os.close, descriptor)
    # The last ones; and the best of these, as an interrupt costs as well.
    return min(costs[-8:], default=0)


def sweep_drawn(within: Path, limit: float) -> int:
    """Remove what a kill has left of ``make_apart`` and nobody touched since ``limit`` (seconds since the epoch)."""
    swept = 0
    for folder in within.glob(".*"):
        if _DRAWN.fullmatch(folder.name):
            # It has got its name meanwhile, or somebody has put something into it.
            with contextlib.suppress(OSError):
                if folder.stat().st_mtime <= limit:
                    folder.rmdir()
                    swept += 1
    return swept

"""Out to the disk: a file while more of it comes in (Linux: sync_file_range), and the names of a folder."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

_NAMES_GO_WITH_FILES = {"ext4"}
_START = 2
"""SYNC_FILE_RANGE_WRITE: begin with the dirty pages of the range, and wait for nothing."""


def _of_this_system() -> Callable[[int, int, int], object]:
    call = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if call is None:
        return lambda descriptor, start, length: None
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    # What goes wrong shows in the fdatasync that follows: this promises nothing.
    return lambda descriptor, start, length: call(descriptor, start, length, _START)


start_writing_out = _of_this_system()
"""
``start_writing_out(descriptor, start, length)`` waits for no disk unless its queue is full; where there is no such call
it does nothing.
"""


def sync_file(path: Path) -> None:
    """Make its bytes durable."""
    _sync(path, os.O_RDONLY | os.O_CLOEXEC)


def sync_folder(folder: Path) -> None:
    """Make durable which names are in it."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def names_go_with_files(folder: int) -> bool:
    """
    Whether fsync of a file makes its name durable, too; POSIX promises that of the folder alone.

    Only where it was tried by cutting the power (decision 0018), and where the
    mount table knows the folder's file system.
    """
    device = os.fstat(folder).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return False
    # ID, parent, major:minor, root, mount point, options, optional fields of any number, "-", type (proc(5)).
    kinds = {mount.partition(" - ")[2].split(" ")[0] for mount in mounts if mount.split(" ")[2] == number}
    return bool(kinds) and kinds <= _NAMES_GO_WITH_FILES

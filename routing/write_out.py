"""Out to the disk: a file while more of it comes in (Linux: sync_file_range), and a folder with its names."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

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


def sync_folder(folder: Path) -> None:
    """Make durable which names are in it."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

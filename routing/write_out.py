"""Start to write a file out to its disk while more of it comes in (Linux: sync_file_range)."""

import ctypes
from collections.abc import Callable

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

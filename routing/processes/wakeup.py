"""A nudge from one process to another on the same machine: "there is work"; losing one costs a second, no more."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from pathlib import Path

from routing.processes.stop_flag import StopFlag

_SUFFIX = ".wake"
_MORE, _LAST = b"!", b"."


def _address(fd: int, name: str) -> str:
    # A socket's path may have 107 bytes, a data folder may be deeper: go through its open descriptor.
    return f"/proc/self/fd/{fd}/{name}"


class Wakeup:
    """Where one process is nudged; wait on ``fileno()`` or with ``wait()``."""

    def __init__(self, folder: Path, role: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{role}-{os.getpid()}{_SUFFIX}"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._socket.bind(_address(self._directory, self._path.name))
        self._last = False
        # What killed processes have left goes: some roles are never nudged by anybody else.
        wake(folder, role)
        self.clear()

    def fileno(self) -> int:
        return self._socket.fileno()

    def clear(self) -> None:
        """Forget the nudges so far; call it before looking for work, not after."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._last |= self._socket.recv(16) == _LAST

    def wait(self, timeout: float, stopping: StopFlag | None = None) -> bool:
        """Wait until nudged, or told to stop, at most ``timeout`` seconds; say whether somebody nudged."""
        descriptors = [self.fileno(), stopping.fileno()] if stopping else [self.fileno()]
        ready, _, _ = select.select(descriptors, [], [], timeout)
        self.clear()
        return self.fileno() in ready

    def was_last(self) -> bool:
        """Whether a nudge that is used up or forgotten said that no more work comes soon; after a yes it is no."""
        last, self._last = self._last, False
        return last

    def rest(self, timeout: float) -> None:
        """Do not be woken for so many seconds, unless no more work comes soon."""
        until = time.monotonic() + timeout
        self.clear()
        while not self._last and (left := until - time.monotonic()) > 0:
            self.wait(left)

    def close(self) -> None:
        self._socket.close()
        os.close(self._directory)
        self._path.unlink(missing_ok=True)


class Waker:
    """Nudges all processes of one role."""

    def __init__(self, folder: Path, role: str) -> None:
        self._folder, self._role = folder, role
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._names: list[str] = []
        self._looked_at = -1.0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def wake(self, last: bool = False) -> None:
        """Nudge them, and say when no more work comes soon (``last``); one that is full or gone is passed over."""
        now = time.monotonic()
        if not self._names or now - self._looked_at > 1:
            self._looked_at = now
            self._names = [
                name
                for name in os.listdir(self._directory)
                if name.startswith(f"{self._role}-") and name.endswith(_SUFFIX)
            ]
        for name in self._names:
            try:
                self._socket.sendto(_LAST if last else _MORE, _address(self._directory, name))
            except BlockingIOError:
                pass
            except OSError:
                # Nobody listens there any more: the process was killed.
                self._looked_at = -1.0
                with contextlib.suppress(OSError):
                    if time.time() - (self._folder / name).stat().st_mtime > 60:
                        (self._folder / name).unlink()

    def close(self) -> None:
        self._socket.close()
        os.close(self._directory)


def wake(folder: Path, role: str) -> None:
    """Nudge once, for callers that do so rarely."""
    waker = Waker(folder, role)
    try:
        waker.wake()
    finally:
        waker.close()

"""
Child processes of io.popen, which the Lua of the binding's wheels lacks.

Python starts the process; Lua opens the other end of the pipe by its name under
/dev/fd, so that scripts read and write through a real Lua file.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any


class Processes:
    """The children of one image's scripts."""

    def __init__(self, deadline: float) -> None:
        """``deadline`` by time.monotonic(): no child is waited for beyond it."""
        self._deadline = deadline
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def open(self, command: bytes, mode: bytes) -> tuple[Any, ...]:
        """Start a shell command; number and path of the pipe's end, or None and the reason."""
        try:
            child = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.PIPE if mode == b"w" else None,
                stdout=subprocess.PIPE if mode == b"r" else None,
            )
        except (OSError, ValueError) as error:
            return None, str(error).encode(errors="replace")
        self._children[child.pid] = child
        pipe = child.stdin or child.stdout
        return child.pid, b"/dev/fd/%d" % (pipe.fileno() if pipe else -1)

    def opened(self, number: int) -> None:
        """Lua has the pipe: without the copy here, the end of either side is seen by the other."""
        self._close_pipe(self._children[number])

    def close(self, number: int) -> tuple[Any, ...]:
        """Wait for a child; what io.close returns (Lua 5.4 manual, file:close)."""
        child = self._children.pop(number)
        code = self._wait(child)
        if code < 0:
            return None, b"signal", -code
        return True if code == 0 else None, b"exit", code

    def finish(self) -> None:
        """End what scripts have left open."""
        for child in self._children.values():
            self._close_pipe(child)
            self._wait(child)
        self._children.clear()

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        try:
            return child.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    @staticmethod
    def _close_pipe(child: subprocess.Popen[bytes]) -> None:
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

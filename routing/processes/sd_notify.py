"""
What a process tells whoever started it, systemd or ``./run``: that it is ready, what it does, that it still turns.

The protocol is that of sd_notify(3): datagrams to the socket in ``NOTIFY_SOCKET``,
and signs of life when ``WATCHDOG_USEC`` asks for them.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import suppress

STARTED_AGAIN = "SUPERVISOR_STARTED_AGAIN"
"""``./run`` tells it in the environment of a process that takes the place of one that has died."""
_CREDENTIALS = struct.Struct("iII")
"""Process, user and group of a sender (unix(7), ucred)."""


class Notifier:
    """
    Says nothing where nobody asked.  A message that cannot be sent is lost, as nobody's image depends on it.

    The variables leave the environment: what this process starts is not to speak in its name.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        pid, microseconds = environment.pop("WATCHDOG_PID", ""), environment.pop("WATCHDOG_USEC", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        asked = microseconds.isdigit() and pid in ("", str(os.getpid()))
        # A third of what is allowed: one that is late, or lost, is no death.
        self._every = int(microseconds) / 3e6 if asked else None
        self._said_at = float("-inf")

    def ready(self, status: str = "") -> None:
        """The work has begun; ``status`` as ``systemctl status`` shows it."""
        self._say("READY=1", status)

    def stopping(self) -> None:
        """It ends in good order, which may take its time."""
        self._say("STOPPING=1")

    def alive(self) -> None:
        """To be called as often as the loop turns; says so now and then."""
        now = time.monotonic()
        if self._every is not None and now - self._said_at >= self._every:
            self._said_at = now
            self._say("WATCHDOG=1")

    def _say(self, message: str, status: str = "") -> None:
        if not self._address:
            return
        lines = [message, f"STATUS={status}"] if status else [message]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as to, suppress(OSError):
            to.sendto("\n".join(lines).encode(), self._address)


class Pulse:
    """One sign of life for several loops: it stays away as soon as one of them does not turn any more."""

    def __init__(self, notifier: Notifier, loops: int, *, within: float) -> None:
        """``within``: seconds in which each of the loops turns at least once."""
        self._notifier, self._within = notifier, within
        self._turned = [time.monotonic()] * loops
        self._lock = threading.Lock()

    def turned(self, loop: int) -> None:
        """This one has."""
        now = time.monotonic()
        with self._lock:
            self._turned[loop] = now
            if now - min(self._turned) <= self._within:
                self._notifier.alive()


class Ear:
    """The other side: hears what the processes say to which ``environment`` was given."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # An abstract address that the kernel chooses: no file to be left behind.
        self._socket.bind("")
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def close(self) -> None:
        """Nobody is heard any more, which harms nobody."""
        self._socket.close()

    def environment(self, within: float) -> dict[str, str]:
        """For a process that is to say every ``within`` seconds that it lives."""
        address: bytes = self._socket.getsockname()
        return {"NOTIFY_SOCKET": "@" + address[1:].decode(), "WATCHDOG_USEC": str(int(within * 1e6))}

    def heard(self) -> Iterator[tuple[int, list[str]]]:
        """Who has said what since the last call: process id, as the kernel attests it, and lines."""
        while True:
            try:
                message, ancillary, *_ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            for level, kind, content in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    yield _CREDENTIALS.unpack(content)[0], message.decode(errors="replace").split("\n")

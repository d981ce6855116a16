"""The pipe from the listener to its row writer: one received instance a line."""

from __future__ import annotations

import json
import os
import select
from dataclasses import fields
from datetime import datetime

from routing.core.instance import ReceivedInstance

_READ = 1 << 16
_PLAIN = tuple(each.name for each in fields(ReceivedInstance) if each.name != "received_at")


def line_of(instance: ReceivedInstance) -> bytes:
    """One instance as it goes through the pipe."""
    plain = [getattr(instance, name) for name in _PLAIN]
    return json.dumps([instance.received_at.isoformat(), *plain]).encode() + b"\n"


def _instance(line: bytes) -> ReceivedInstance:
    received_at, *plain = json.loads(line)
    return ReceivedInstance(received_at=datetime.fromisoformat(received_at), **dict(zip(_PLAIN, plain, strict=True)))


class Inbox:
    """The reading end of the pipe; instances come out in the order in which they were put in."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._rest = b""
        os.set_blocking(descriptor, False)

    def take(self, most: int, *, wait: bool = False) -> list[ReceivedInstance]:
        """What is there, at most so many; with ``wait`` at least one, and none only when no more will come."""
        while len(self._lines) < most:
            try:
                piece = os.read(self._descriptor, _READ)
            except BlockingIOError:
                if self._lines or not wait:
                    break
                select.select([self._descriptor], [], [])
                continue
            if not piece:
                break
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._lines += lines
        taken, self._lines = self._lines[:most], self._lines[most:]
        return [_instance(line) for line in taken]

    def closes_within(self, seconds: float) -> bool:
        """Wait so long, but no longer than until the other side has closed the pipe; whether it has."""
        poll = select.poll()
        poll.register(self._descriptor, 0)
        return bool(poll.poll(seconds * 1000))

"""How soon one transaction may follow another: what comes alone is done at once, what comes in a stream together."""

from __future__ import annotations

import math
import time

GATHER = 0.02
"""Seconds between turns while work streams in; each waits for locks and the disk, however little it does."""
GATHER_MANY = 0.1
"""The same in a stream so dense that waiting costs nobody anything but the last image."""
DENSE = 200
"""Images a second from which on a stream is dense."""


class Pace:
    """The turns of one thread."""

    def __init__(self) -> None:
        self._began_at = self._next_at = -math.inf
        self._lasted = math.inf

    def begin(self) -> None:
        """A turn begins now."""
        now = time.monotonic()
        self._lasted, self._began_at, self._next_at = now - self._began_at, now, now + GATHER

    def found(self, images: int) -> None:
        """
        So many have come since the turn before the one that has begun.

        A turn has costs of its own, whatever it finds: statements, a commit, and a processor that
        has forgotten this program.  In a dense stream they are shared by more images.
        """
        if images >= DENSE * max(self._lasted, GATHER):
            self._next_at += GATHER_MANY - GATHER

    @property
    def left(self) -> float:
        """Seconds until the next turn; 0 when it is due, which it is at once after a rest."""
        return max(0.0, self._next_at - time.monotonic())

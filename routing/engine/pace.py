"""How soon one transaction may follow another: what comes alone is done at once, what comes in a stream together."""

from __future__ import annotations

import math
import time

GATHER = 0.02
"""Seconds between turns while work streams in; each waits for locks and the disk, however little it does."""
GATHER_MANY = 0.05
"""The same where images come so fast that a turn finds MANY."""
MANY = 5


class Pace:
    """The turns of one thread."""

    def __init__(self) -> None:
        self._next_at = -math.inf

    def begin(self) -> None:
        """A turn begins now."""
        self._next_at = time.monotonic() + GATHER

    def found(self, images: int) -> None:
        """
        So many were there for the turn that has begun.

        A turn has costs of its own, whatever it finds: statements, a commit, and a processor that
        has forgotten this program.  Above 250 images a second they are shared by more of them.
        """
        if images >= MANY:
            self._next_at += GATHER_MANY - GATHER

    @property
    def left(self) -> float:
        """Seconds until the next turn; 0 when it is due, which it is at once after a rest."""
        return max(0.0, self._next_at - time.monotonic())

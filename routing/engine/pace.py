"""How soon one transaction may follow another: what comes alone is done at once, what comes in a stream together."""

from __future__ import annotations

import math
import time

GATHER = 0.02
"""Seconds between turns while work streams in; each waits for locks and the disk, however little it does."""


class Pace:
    """The turns of one thread."""

    def __init__(self) -> None:
        self._next_at = -math.inf

    def begin(self) -> None:
        """A turn begins now."""
        self._next_at = time.monotonic() + GATHER

    @property
    def left(self) -> float:
        """Seconds until the next turn; 0 when it is due, which it is at once after a rest."""
        return max(0.0, self._next_at - time.monotonic())

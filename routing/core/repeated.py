"""A run of equal steps of an item, kept as one line of its history: how often, since when, and how that is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

REPEATED = "deferred repeatedly"
"""The event in the history; its own moment is that of the last of them.  It is no step, so no table names it."""
_TOLD = re.compile(r"(\d+) times since (\S+), for the same reason")


@dataclass(frozen=True, slots=True)
class Repeated:
    """The steps that one line stands for."""

    times: int
    since: datetime
    """The moment of the first of them, with its zone."""

    def __str__(self) -> str:
        """The line's note; nothing in it comes from an image or a script."""
        return f"{self.times} times since {self.since.isoformat()}, for the same reason"

    @classmethod
    def told_by(cls, event: str, note: str, at: datetime) -> Repeated:
        """What a line of the history stands for: itself, unless it stands for several."""
        told = _TOLD.fullmatch(note) if event == REPEATED else None
        return cls(int(told[1]), datetime.fromisoformat(told[2])) if told else cls(1, at)

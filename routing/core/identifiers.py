"""Time-ordered numbers that name an item, its row and its file alike."""

import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
TAG_BITS = 10
TAGS = 1 << TAG_BITS
"""How many processes can make identifiers at the same time: each needs a tag of its own below this."""
LAST = (1 << 63) - 1
"""The largest number that a database keeps, and so the last identifier."""
FILE_TAGS, ROW_TAGS = range(TAGS // 2), range(TAGS // 2, TAGS)
"""
Of who makes a file, and of who makes a row over the file of another item.

A file's name refuses a second file, but not the row of a copy; that row would
stand where the row of an acknowledged image has to be.
"""

_EPOCH_MICROSECONDS = int(EPOCH.timestamp()) * 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_HOUR_MICROSECONDS = timedelta(hours=1) // _MICROSECOND


def _wall_clock() -> int:
    return time.time_ns() // 1000


class Identifiers:
    """
    Make identifiers that strictly increase within this process.

    An identifier is the microseconds since 2025-01-01T00:00Z, shifted left by
    ten bits, plus the tag of the process: 63 bits are enough until 2310.
    A clock that is set back never makes the same number twice in one process;
    over a restart it can, so whoever makes a file of that name has to look.
    """

    def __init__(self, tag: int, clock: Callable[[], int] = _wall_clock) -> None:
        """``clock`` answers in microseconds since 1970."""
        if not 0 <= tag < TAGS:
            raise ValueError(f"process tag {tag} is outside 0 to {TAGS - 1}")
        self._tag = tag
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        now = self._clock() - _EPOCH_MICROSECONDS
        with self._lock:
            self._last = max(now, self._last + 1)
            return self._last << TAG_BITS | self._tag


def new_identifiers(tags: range) -> Identifiers:
    """
    For FILE_TAGS or ROW_TAGS.

    Each process takes a tag at random; what collides all the same is refused by the file's name or the row's key.
    """
    return Identifiers(secrets.choice(tags))


def created_at(identifier: int) -> datetime:
    """Tell when an identifier was made (UTC)."""
    return EPOCH + (identifier >> TAG_BITS) * _MICROSECOND


def hour_of(identifier: int) -> int:
    """Tell in which hour an identifier was made, counted from EPOCH."""
    return (identifier >> TAG_BITS) // _HOUR_MICROSECONDS


def first_at(moment: datetime) -> int:
    """Answer the smallest identifier that can have been made at this moment (with a time zone) or later."""
    return (moment - EPOCH) // _MICROSECOND << TAG_BITS


def identifier_in(text: str | None) -> int | None:
    """The number that an address or a form gives, of an item or any other row; None for anything else."""
    # Longer ones are no numbers of ours, and would overflow SQLite's integers.
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 18 else None

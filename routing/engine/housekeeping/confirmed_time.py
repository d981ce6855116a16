"""How far the clock is ahead of the time that has been seen passing: by that much nothing expires, or goes, sooner."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from routing.models import Lane

log = logging.getLogger("capacitor.housekeeping")

_MARGIN = timedelta(minutes=10)
"""By so much the clock may be set, or the service be off, without a word."""
_BELIEVED_AFTER = timedelta(days=1)


class ConfirmedTime:
    """
    Whoever sets the clock a week ahead by mistake, or boots with a wrong one, would expire all that waits at once.

    So a jump counts only when a day has passed behind it.  A service that was
    off for long looks the same, and then waiting images get that day to be
    sent.  Kept in the database, for a start with a wrong clock is the usual case:
    ``until`` is the confirmed time, ``owner`` what it was at the jump.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at: float | None = None
        self.ahead = timedelta()
        self.believed_at: datetime | None = None
        """When the clock is believed, by that clock; None: it is."""

    def look(self, now: datetime) -> None:
        """One look of the housekeeper in charge, in its transaction; several in a row tell how time passes."""
        steady = self._clock()
        passed = timedelta(seconds=0 if self._looked_at is None else steady - self._looked_at)
        row, _ = Lane.objects.get_or_create(key=Lane.CONFIRMED_TIME, defaults={"owner": "", "until": now})
        confirmed = min(now, row.until + passed)
        jumped_at = datetime.fromisoformat(row.owner) if row.owner else None
        if now - confirmed <= _MARGIN:
            confirmed, jumped_at = now, None
        elif jumped_at is None:
            jumped_at = confirmed
            log.warning(
                "the clock is %.1f hours ahead of the time that has passed here: it was set, or nothing ran;"
                " what expires or is removed by that waits for a day",
                (now - confirmed) / timedelta(hours=1),
            )
        elif confirmed - jumped_at >= _BELIEVED_AFTER:
            log.warning("the clock has been as far ahead for a day: it is believed")
            confirmed, jumped_at = now, None
        row.owner, row.until = jumped_at.isoformat() if jumped_at else "", confirmed
        row.save(update_fields=["owner", "until"])
        # Behind it: while the database is away time passes, too.
        self._looked_at = steady
        self.ahead = now - confirmed
        self.believed_at = now + _BELIEVED_AFTER - (confirmed - jumped_at) if jumped_at else None

    def look_away(self) -> None:
        """Another one keeps house: what passes meanwhile is seen by that one."""
        self._looked_at = None

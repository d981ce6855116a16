"""When to try again, and when to stop."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Back-off that doubles up to a limit (decision D3); all fields can be set for each node."""

    initial: timedelta = timedelta(seconds=10)
    limit: timedelta = timedelta(minutes=10)
    jitter: float = 0.2
    """Share by which a delay is moved up or down, so that many items do not return at one moment."""
    attempts: int | None = None
    """Give up after so many; None: go on until the expiry age."""

    def next_try(self, attempts: int, now: datetime, chance: Callable[[], float] = random.random) -> datetime | None:
        """
        The moment of the next try after ``attempts`` failed ones (1 or more); None: give up.

        ``chance`` gives numbers from 0 up to 1.  Never earlier than now plus a
        tenth of a second, whatever the settings say, so no loop can spin.
        """
        if self.attempts is not None and attempts >= self.attempts:
            return None
        factor = 1 << min(attempts - 1, 30)
        # Compared before it is multiplied: a day, doubled thirty times, is more than a timedelta holds.
        delay = self.initial * factor if self.initial <= self.limit / factor else self.limit
        delay *= 1 + self.jitter * (2 * chance() - 1)
        return now + max(delay, timedelta(milliseconds=100))

"""Notice who renews leases no more: by this process's own steady clock, for clocks of hosts jump and differ."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

from django.db.models import Max

from routing.claims import give_back
from routing.models import Lane, QueueItem

log = logging.getLogger("capacitor.housekeeping")

_Mark = tuple[datetime | None, datetime | None]


class LeaseWatch:
    """
    Ends the leases and lanes of owners that have renewed nothing for ``patience`` seconds.

    A dead process of this machine is noticed sooner, by its presence file.
    This is for those of other hosts, and for one that lives and is stuck.
    Leases hold moments of their owner's clock; whether they change is all that is asked of them.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = patience, clock
        self._seen: dict[str, tuple[_Mark, float]] = {}

    def step(self) -> int:
        """One look; how many items were given back."""
        now = self._clock()
        marks = _marks()
        self._seen = {
            owner: self._seen[owner] if owner in self._seen and self._seen[owner][0] == mark else (mark, now)
            for owner, mark in marks.items()
        }
        freed = 0
        for owner, (_, since) in list(self._seen.items()):
            if now - since >= self._patience:
                # Nobody knows what it was at: its preparations stay counted.
                count = give_back(owner, begun=None)
                log.warning("process %s has renewed nothing for %d s: %d items given back", owner, now - since, count)
                freed += count
                del self._seen[owner]
        return freed


def _marks() -> dict[str, _Mark]:
    """The latest end of each owner's leases and lanes; any renewal and any claim changes it."""
    held = QueueItem.objects.exclude(lease_owner="").order_by().values_list("lease_owner")
    items = dict(held.annotate(until=Max("lease_until")))
    # The housekeepers' own lane, which no item goes by, has rules of its own.
    studies = Lane.objects.exclude(key__startswith="\\").order_by().values_list("owner")
    lanes = dict(studies.annotate(until=Max("until")))
    return {owner: (items.get(owner), lanes.get(owner)) for owner in items.keys() | lanes.keys()}

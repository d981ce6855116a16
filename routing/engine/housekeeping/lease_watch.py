"""Notice who renews leases no more: by this process's own steady clock, for clocks of hosts jump and differ."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from routing.engine.doubts import note_doubts
from routing.models import Lane, QueueItem, ServiceProcess
from routing.queue.giving_back import give_back

log = logging.getLogger("capacitor.housekeeping")

_Mark = tuple[datetime | None, datetime | None]


class LeaseWatch:
    """
    Ends the leases and lanes of owners that have renewed nothing for ``patience`` seconds.

    A dead process of this machine is noticed sooner, by its presence file.
    This is for those of other hosts, and for one that lives and is stuck.
    Leases hold moments of their owner's clock; whether they change is all that is asked of them.

    Time in which this one could not write itself is not held against anybody:
    while the database is away, locked or full nobody renews, and what living
    senders have sent meanwhile would be sent again.
    """

    def __init__(self, owner: str, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``owner`` is who looks."""
        self._owner, self._patience, self._clock = owner, patience, clock
        self._looked_at = clock()
        self._seen: dict[str, tuple[_Mark, float]] = {}
        """For each owner what its leases said, and for how many seconds they have said so."""

    def step(self) -> int:
        """One look; how many items were given back."""
        now = self._clock()
        # A database that hangs and answers after minutes is one look; several are needed in any case.
        passed = min(now - self._looked_at, self._patience / 4)
        # Also where the look fails: its time is over and counts for nobody.
        self._looked_at = now
        with transaction.atomic():
            self._write()
            marks = _marks()
        before, self._seen = self._seen, {owner: (mark, 0.0) for owner, mark in marks.items()}
        freed = 0
        for owner, mark in marks.items():
            known, silent = before.get(owner, (None, 0.0))
            if known != mark:
                continue
            silent += passed
            self._seen[owner] = mark, silent
            if silent >= self._patience:
                with transaction.atomic():
                    note_doubts(owner, f"process {owner} held it and did not move any more")
                    # Nobody knows what it was at: its preparations stay counted.
                    count = give_back(owner, begun=None)
                log.warning("process %s has renewed nothing for %d s: %d items given back", owner, silent, count)
                freed += count
                del self._seen[owner]
        return freed

    def _write(self) -> None:
        """As those who renew do, in the same tables: a database that is locked or full may be read all the same."""
        ServiceProcess.objects.filter(owner=self._owner).update(seen_at=timezone.now())
        # PostgreSQL locks single tables: then not even this, which is nothing, can be written.
        QueueItem.objects.filter(id=0).update(lease_owner="")
        Lane.objects.filter(key="").update(owner="")


def _marks() -> dict[str, _Mark]:
    """The latest end of each owner's leases and lanes; any renewal and any claim changes it."""
    held = QueueItem.objects.exclude(lease_owner="").order_by().values_list("lease_owner")
    items = dict(held.annotate(until=Max("lease_until")))
    # The housekeepers' own lane, which no item goes by, has rules of its own.
    studies = Lane.objects.exclude(key__startswith="\\").order_by().values_list("owner")
    lanes = dict(studies.annotate(until=Max("until")))
    return {owner: (items.get(owner), lanes.get(owner)) for owner in items.keys() | lanes.keys()}

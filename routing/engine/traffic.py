"""Count the history into the traffic of each minute: every entry once, whatever is removed or killed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from routing.core.traffic import Happening, Tally, minute_of, tallies
from routing.models import HistoryEntry, NodeOutage, TrafficMark, TrafficMinute

KEPT = timedelta(days=8)
"""A day more than the longest chart shows."""
_CHUNK = 5000
_COLUMNS = tuple(asdict(Tally()))


class TrafficCounter:
    """
    Counts what earlier rounds have seen begin.

    Ids are given out before their transactions end, so the newest entries may
    have gaps that are filled later; a round's length later nobody is writing
    them any more.
    """

    def __init__(self) -> None:
        self._settled: int | None = None

    def step(self) -> bool:
        """Count one chunk; whether there is more that could be counted now."""
        if self._settled is None:
            self.look()
            return False
        with transaction.atomic():
            mark, _ = TrafficMark.objects.select_for_update().get_or_create(pk=1)
            if mark.history_id >= self._settled:
                return False
            entries = HistoryEntry.objects.filter(id__gt=mark.history_id, id__lte=self._settled).order_by("id")
            rows = list(
                entries.values_list("id", "at", "event", "from_state", "item__destination_ae_title", "item__size")[
                    :_CHUNK
                ]
            )
            oldest = minute_of(timezone.now() - KEPT)
            for (minute, ae_title), tally in tallies((Happening(*row[1:]) for row in rows), oldest).items():
                _add(minute, ae_title, tally)
            mark.history_id = rows[-1][0] if len(rows) == _CHUNK else self._settled
            mark.save(update_fields=["history_id"])
        return mark.history_id < self._settled

    def look(self) -> None:
        """What is there now may be counted by the next round."""
        self._settled = HistoryEntry.objects.aggregate(newest=Max("id"))["newest"] or 0


def _add(minute: int, ae_title: str, tally: Tally) -> None:
    counted = asdict(tally)
    row, made = TrafficMinute.objects.get_or_create(minute=minute, ae_title=ae_title, defaults=counted)
    if not made:
        TrafficMinute.objects.filter(pk=row.pk).update(**{name: F(name) + counted[name] for name in _COLUMNS})


def forget_traffic(now: datetime) -> None:
    """Remove the minutes and the outages that no chart shows any more."""
    TrafficMinute.objects.filter(minute__lt=minute_of(now - KEPT)).delete()
    NodeOutage.objects.filter(ended_at__lt=now - KEPT).delete()

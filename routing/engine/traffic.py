"""Count the history into the traffic of each minute: every entry once, whatever is removed or killed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from routing.core.traffic import Happening, Tally, minute_of, tallies
from routing.models import HistoryEntry, NodeOutage, TrafficMark, TrafficMinute
from routing.settled_rows import SettledRows

KEPT = timedelta(days=8)
"""A day more than the longest chart shows."""
_CHUNK = 5000
_COLUMNS = tuple(asdict(Tally()))


class TrafficCounter(SettledRows):
    """Counts the history into the minutes of the charts."""

    table, marks, position = HistoryEntry, TrafficMark, "history_id"

    def count(self, after: int, until: int) -> int:
        entries = HistoryEntry.objects.filter(id__gt=after, id__lte=until).order_by("id")
        columns = ("id", "at", "event", "from_state", "item__destination_ae_title", "item__size")
        rows = list(entries.values_list(*columns)[:_CHUNK])
        oldest = minute_of(timezone.now() - KEPT)
        for (minute, ae_title), tally in tallies((Happening(*row[1:]) for row in rows), oldest).items():
            _add(minute, ae_title, tally)
        return int(rows[-1][0]) if len(rows) == _CHUNK else until


def _add(minute: int, ae_title: str, tally: Tally) -> None:
    counted = asdict(tally)
    row, made = TrafficMinute.objects.get_or_create(minute=minute, ae_title=ae_title, defaults=counted)
    if not made:
        TrafficMinute.objects.filter(pk=row.pk).update(**{name: F(name) + counted[name] for name in _COLUMNS})


def forget_traffic(now: datetime) -> None:
    """Remove the minutes and the outages that no chart shows any more."""
    TrafficMinute.objects.filter(minute__lt=minute_of(now - KEPT)).delete()
    NodeOutage.objects.filter(ended_at__lt=now - KEPT).delete()

"""Count the history into the traffic of each minute: every entry once, whatever is removed or killed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Count, F, Func, Sum
from django.utils import timezone

from routing.core.traffic import Happening, minute_of, tallies
from routing.database.settled_rows import SettledRows, add_to
from routing.models import HistoryEntry, NodeOutage, TrafficMark, TrafficMinute

KEPT = timedelta(days=8)
"""A day more than the longest chart shows."""
_CHUNK = 5000


class TrafficCounter(SettledRows):
    """Counts the history into the minutes of the charts."""

    table, marks, position = HistoryEntry, TrafficMark, "history_id"

    def count(self, after: int, until: int) -> int:
        entries = HistoryEntry.objects.filter(id__gt=after, id__lte=until)
        # The last of a chunk, where there are so many: ids have gaps.
        until = next(iter(entries.order_by("id").values_list("id", flat=True)[_CHUNK - 1 : _CHUNK]), until)
        alike = entries.filter(id__lte=until).values(
            "event", "from_state", minute=_Minute("at"), ae_title=F("item__destination_ae_title")
        )
        rows: Any = alike.annotate(times=Count("id"), size=Sum("item__size")).order_by()
        # PostgreSQL adds up to a decimal number.
        happenings = (Happening(**{**row, "size": int(row["size"])}) for row in rows)
        for (minute, ae_title), tally in tallies(happenings, minute_of(timezone.now() - KEPT)).items():
            add_to(TrafficMinute, asdict(tally), minute=minute, ae_title=ae_title)
        return until


class _Minute(Func):
    """As ``minute_of``, of a column, in the database: rows that it counts by themselves cost no object each."""

    output_field = BigIntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        # Without the fraction, which SQLite would round: the last half millisecond belongs to its own minute.
        seconds = "strftime('%%%%s', substr(%(expressions)s, 1, 19))"
        return self.as_sql(compiler, connection, template=f"CAST({seconds} AS INTEGER) / 60")

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 60)::bigint")


def forget_traffic(now: datetime) -> None:
    """Remove the minutes and the outages that no chart shows any more."""
    TrafficMinute.objects.filter(minute__lt=minute_of(now - KEPT)).delete()
    NodeOutage.objects.filter(ended_at__lt=now - KEPT).delete()

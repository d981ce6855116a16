"""Received and delivered over the last hour, day and week as charts; totals and a sparkline for each destination."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import F, Sum
from django.utils import timezone

from routing.core.traffic import SPANS, Span, Tally, bars, minute_of
from routing.database.short_lived import ShortLived
from routing.models import TrafficMark, TrafficMinute
from routing.showing.chart import chart, steps
from routing.showing.chart_marks import marks

COUNTED = ("received", "delivered", "deferred", "refused", "failed", "bytes_received", "bytes_delivered")
MEGABYTE = 1_000_000
SPARK_WIDTH, SPARK_HEIGHT = 120, 20
SPARK_MINUTES = 60


def _counted(span: Span) -> dict[tuple[int, str], Tally]:
    """What passed in each bar for each destination."""
    minutes = TrafficMinute.objects.order_by().filter(minute__gte=span.first_minute(timezone.now()))
    sums: Any = {name: Sum(name) for name in COUNTED}
    rows: Any = minutes.annotate(bar=F("minute") / span.bar_minutes).values("bar", "ae_title").annotate(**sums)
    return {(row["bar"], row["ae_title"]): Tally(*(row[name] for name in COUNTED)) for row in rows}


# A bar of two hours needs no look every second.
_COUNTED = {span.name: ShortLived(partial(_counted, span), min(2.0 * span.bar_minutes, 60.0)) for span in SPANS}


def charts(query: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """What the address asks for (``span``, ``to``: a destination); an unknown span is the hour."""
    span = next((span for span in SPANS if span.name == query.get("span")), SPANS[0])
    wanted = query.get("to", "")
    found = _COUNTED[span.name]()
    totals, by_bar = dict[str, Tally](), dict[int, Tally]()
    for (bar, ae_title), tally in found.items():
        totals[ae_title] = totals.get(ae_title, Tally()) + tally
        if wanted in ("", ae_title):
            by_bar[bar] = by_bar.get(bar, Tally()) + tally
    drawn = bars(span, by_bar, now)
    moments = [timezone.localtime(span.begins(number)) for number, _ in drawn]
    seconds = [span.seconds(number, now) for number, _ in drawn]
    tallies = [tally for _, tally in drawn]
    images = [(t.received * 60 / s, t.delivered * 60 / s) for t, s in zip(tallies, seconds, strict=True)]
    volume = [
        (t.bytes_received / MEGABYTE / s, t.bytes_delivered / MEGABYTE / s)
        for t, s in zip(tallies, seconds, strict=True)
    ]
    shown = [chart("Images", "a minute", moments, images), chart("Volume", "MB/s", moments, volume)]
    return {
        "span": span,
        "spans": SPANS,
        "to": wanted,
        "charts": shown,
        "rows": [
            (at, tally, megabytes)
            for at, tally, megabytes in zip(moments, tallies, shown[1].bars, strict=True)
            if tally.received or tally.delivered
        ],
        "begins": moments[0],
        "bar_words": "minute" if span.bar_minutes == 1 else f"{span.bar_minutes} minutes",
        "total": sum(tallies, Tally()),
        "totals": sorted(totals.items()),
        "counting": TrafficMark.objects.exists(),
        "marks": marks[span.name]().of(wanted),
    }


def _sparks() -> dict[str, tuple[str, str]]:
    """For each destination the path of what was delivered in each minute of the last hour, and the words for it."""
    # As in the charts, the minute that has just begun is left out.
    first = minute_of(timezone.now()) - SPARK_MINUTES
    delivered: dict[str, dict[int, int]] = {}
    rows = TrafficMinute.objects.order_by().filter(minute__gte=first, minute__lt=first + SPARK_MINUTES, delivered__gt=0)
    for minute, ae_title, count in rows.values_list("minute", "ae_title", "delivered"):
        delivered.setdefault(ae_title, {})[minute - first] = count
    drawn = {}
    for ae_title, found in delivered.items():
        top = max(found.values())
        path = steps([found.get(place, 0) / top for place in range(SPARK_MINUTES)], SPARK_WIDTH, SPARK_HEIGHT)
        words = f"{sum(found.values())} delivered in the last hour, {top} in the busiest minute"
        drawn[ae_title] = f"M0 {SPARK_HEIGHT}{path}V{SPARK_HEIGHT}Z", words
    return drawn


sparks = ShortLived(_sparks, 5.0)
"""Sparkline and its words by AE title; destinations without any delivery are not in it."""

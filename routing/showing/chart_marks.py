"""Marks over the charts of traffic: times in which a node took nothing, and moments when scripts were activated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q
from django.utils import timezone

from routing.core.traffic import SPANS, Span
from routing.database.short_lived import ShortLived
from routing.models import NodeOutage
from routing.showing.chart import WIDTH
from scripts_app.models import Activation

MOST = 50
"""Marks of each kind over one chart, the newest ones; more would hide it."""
_THIN = 2.0
"""Units of the drawing that the shortest outage is wide."""


@dataclass(frozen=True, slots=True)
class OutageMark:
    """A node that took no images, within the chart's time."""

    ae_title: str
    began_at: datetime
    ended_at: datetime | None
    error: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class ActivationMark:
    number: int
    at: datetime
    actor: str
    reason: str
    x: float


@dataclass(frozen=True, slots=True)
class Marks:
    """Newest first."""

    outages: Sequence[OutageMark]
    activations: Sequence[ActivationMark]

    def of(self, ae_title: str) -> Marks:
        """Those that concern one destination, all for none: scripts concern each."""
        if not ae_title:
            return self
        return Marks([mark for mark in self.outages if mark.ae_title == ae_title], self.activations)

    def __bool__(self) -> bool:
        return bool(self.outages or self.activations)


def find_marks(span: Span) -> Marks:
    """The marks of the span that ends now."""
    first = span.first_bar(timezone.now())
    begins = span.begins(first)
    lasts = timedelta(minutes=span.bar_minutes * span.bars)

    def place(at: datetime) -> float:
        # The minute that has just begun is not drawn; what happened in it stands at the edge.
        return round(min(max((at - begins) / lasts, 0.0), 1.0) * WIDTH, 2)

    # What a node that has been removed never ended says nothing about today.
    seen = Q(ended_at__gte=begins) | Q(ended_at=None, node__isnull=False)
    outages = []
    for outage in NodeOutage.objects.filter(seen)[:MOST]:
        left, right = place(outage.began_at), place(outage.ended_at) if outage.ended_at else float(WIDTH)
        left = min(left, WIDTH - _THIN)
        told = outage.ae_title, outage.began_at, outage.ended_at, outage.error
        outages.append(OutageMark(*told, left, round(max(right - left, _THIN), 2)))
    activated = Activation.objects.filter(at__gte=begins)
    activations = [
        ActivationMark(pk, at, actor, reason, place(at))
        for pk, at, actor, reason in activated.values_list("pk", "at", "actor", "reason")[:MOST]
    ]
    return Marks(outages, activations)


marks = {span.name: ShortLived(partial(find_marks, span), 5.0) for span in SPANS}
"""By the name of the span; found out once for everybody who looks."""

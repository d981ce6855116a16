"""How much passed, minute by minute: the history counted, and minutes put together into the bars of a chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta

from routing.core import states
from routing.core.states import QueueEvent, QueueState


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened alike in one minute to items of one destination."""

    minute: int
    event: str
    """As the history calls it."""
    from_state: str
    ae_title: str
    """Destination of the items."""
    times: int
    size: int
    """Bytes of the received files, all together."""


@dataclass(slots=True)
class Tally:
    """What passed; the names are those of the columns of TrafficMinute."""

    received: int = 0
    delivered: int = 0
    deferred: int = 0
    refused: int = 0
    failed: int = 0
    bytes_received: int = 0
    bytes_delivered: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + others for mine, others in zip(astuple(self), astuple(other), strict=True)))

    def note(self, happening: Happening) -> bool:
        """Count what happened; whether it was something that counts."""
        match happening.event:
            case states.RECEIVED:
                self.received += happening.times
                self.bytes_received += happening.size
            case QueueEvent.DELIVERED:
                self.delivered += happening.times
                self.bytes_delivered += happening.size
            case QueueEvent.DEFERRED if happening.from_state == QueueState.PREPARED:
                self.deferred += happening.times
            case QueueEvent.REFUSED:
                self.refused += happening.times
            case QueueEvent.GAVE_UP:
                self.failed += happening.times
            case _:
                return False
        return True


def minute_of(at: datetime) -> int:
    """Minutes since 1970-01-01 00:00 UTC."""
    return int(at.timestamp() // 60)


def moment_of(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def tallies(happenings: Iterable[Happening], since: int) -> dict[tuple[int, str], Tally]:
    """What happened for each minute (from ``since`` on) and destination; what does not count leaves no row."""
    found: dict[tuple[int, str], Tally] = {}
    for happening in happenings:
        if happening.minute < since:
            continue
        key = happening.minute, happening.ae_title
        tally = found.get(key, Tally())
        if tally.note(happening):
            found[key] = tally
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """A chart's stretch of time, cut into bars of equal length."""

    name: str
    words: str
    bar_minutes: int
    bars: int

    def first_bar(self, now: datetime) -> int:
        """
        Number of the oldest bar; a bar's number is its first minute divided by its length.

        The newest holds the last minute that is over: the one that has just
        begun would look as if everything had stopped.
        """
        return (minute_of(now) - 1) // self.bar_minutes - self.bars + 1

    def first_minute(self, now: datetime) -> int:
        return self.first_bar(now) * self.bar_minutes

    def begins(self, bar: int) -> datetime:
        return moment_of(bar * self.bar_minutes)

    def seconds(self, bar: int, now: datetime) -> float:
        """How long the bar has lasted: the newest one is still growing."""
        whole = timedelta(minutes=self.bar_minutes)
        return max(1.0, min(whole, now - self.begins(bar)).total_seconds())


SPANS = (
    Span("1h", "1 hour", 1, 60),
    Span("24h", "24 hours", 15, 96),
    Span("7d", "7 days", 120, 84),
)


def bars(span: Span, found: Mapping[int, Tally], now: datetime) -> list[tuple[int, Tally]]:
    """Every bar of the span in order, empty ones included."""
    first = span.first_bar(now)
    return [(number, found.get(number, Tally())) for number in range(first, first + span.bars)]

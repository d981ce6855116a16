"""A chart of two rates as SVG paths: received as an area, delivered as a line; no library, no script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH, HEIGHT = 600, 100
"""Units of the drawing; the page stretches it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time: where it stands, and its values in words."""

    x: float
    width: float
    at: datetime
    received: str
    delivered: str

    @property
    def words(self) -> str:
        return f"{self.at:%a %H:%M %Z}: received {self.received}, delivered {self.delivered}"


@dataclass(frozen=True, slots=True)
class Chart:
    heading: str
    unit: str
    top: str
    """What the upper edge stands for."""
    area: str
    line: str
    bars: tuple[Bar, ...]


def chart(heading: str, unit: str, moments: Sequence[datetime], rates: Sequence[tuple[float, float]]) -> Chart:
    """Draw (received, delivered) for each moment, oldest first; moments in the zone that the words shall name."""
    top = round_top(max((max(pair) for pair in rates), default=0))
    width = WIDTH / max(len(rates), 1)
    area, line = (steps([pair[series] / top for pair in rates], WIDTH, HEIGHT) for series in (0, 1))
    bars = tuple(
        Bar(round(number * width, 2), round(width, 2), at, figure(pair[0]), figure(pair[1]))
        for number, (at, pair) in enumerate(zip(moments, rates, strict=True))
    )
    return Chart(heading, unit, figure(top), f"M0 {HEIGHT}{area}V{HEIGHT}Z", f"M0 {HEIGHT}{line}", bars)


def steps(shares: Sequence[float], width: float, height: float) -> str:
    """Path commands that walk over bars of these heights (0 to 1) from the left, after a move to the lower corner."""
    each = width / max(len(shares), 1)
    path = []
    for number, share in enumerate(shares):
        path.append(f"V{height * (1 - min(share, 1)):.4g}H{each * (number + 1):.4g}")
    return "".join(path)


def round_top(highest: float) -> float:
    """The next 1, 2 or 5 times a power of ten; never below 0.1, so that silence is flat."""
    if highest <= 0.1:
        return 0.1
    power = 10.0 ** math.floor(math.log10(highest))
    return next(float(step * power) for step in (1, 2, 5, 10) if step * power >= highest * 0.9999)


def figure(value: float) -> str:
    """A rate with as many digits as a person reads."""
    if value and value < 0.05:
        return "< 0.1"
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"

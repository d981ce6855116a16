"""How often the scripts went wrong since an activation, and whether that is more than before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

LEAST_IMAGES = 20
"""An activation under which fewer images were prepared is no measure for the one after it."""


@dataclass(slots=True)
class Rate:
    """What became of the images that one activation's scripts met."""

    images: int = 0
    """Prepared, dropped or failed; those put off are counted when they come through."""
    troubled: int = 0
    """Of these, images for which an entry went wrong, whether they failed or went on without it."""
    failed: int = 0
    """Of these, images that failed."""
    put_off: int = 0
    """Runs that asked for another try later."""

    def note(self, verdict: str, errors: int) -> None:
        """Count one run; ``errors`` as in PrepareReport."""
        if verdict == "retry":
            self.put_off += 1
            return
        self.images += 1
        self.troubled += bool(errors)
        self.failed += verdict == "failed"

    def add(self, other: Rate) -> None:
        self.images += other.images
        self.troubled += other.troubled
        self.failed += other.failed
        self.put_off += other.put_off

    @property
    def percent(self) -> float:
        return 100 * self.troubled / self.images if self.images else 0.0


def has_risen(now: Rate, before: Rate | None) -> bool:
    """
    Whether so much trouble is more than chance, had nothing changed.

    The rate before is taken as high as its own number of images allows (one
    more, and two deviations), what it leads one to expect now likewise.  Without
    a measure every seventh image may go wrong.
    """
    if not now.troubled:
        return False
    known = before or Rate(images=LEAST_IMAGES)
    worst = known.troubled + 1 + (2 * sqrt(known.troubled + 1) if before else 2)
    expected = now.images * worst / max(known.images, LEAST_IMAGES)
    return now.troubled > expected + sqrt(expected)


def measures(rates: Sequence[tuple[Rate, bool]]) -> list[int | None]:
    """
    For each activation the place of the earlier one it is measured by, None without one.

    ``rates`` from the oldest on, each with whether somebody said that its
    failures are meant.  An activation that raised failures is no measure for
    the next, unless they are meant.
    """
    found: list[int | None] = []
    last: int | None = None
    for place, (rate, meant) in enumerate(rates):
        found.append(last)
        risen = not meant and has_risen(rate, rates[last][0] if last is not None else None)
        if rate.images >= LEAST_IMAGES and not risen:
            last = place
    return found

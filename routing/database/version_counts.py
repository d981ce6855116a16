"""Count the runs of the scripts by activation: what is counted for good, and what has come since."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from routing.core.failure_rate import Rate, has_risen, measures
from routing.database.settled_rows import SettledRows, add_to
from routing.database.short_lived import ShortLived
from routing.models import PrepareReport, VersionMark, VersionTally
from scripts_app.models import Activation

_CHUNK = 5000
"""Reports that are read at once; as many newer ones are counted for a page at the most."""
_SHOWN = 200
"""Newest activations whose rates pages know."""
_REPORT = ("id", "script_version_id", "at", "verdict", "errors")

Key = tuple[int, int]
"""Version and activation; activation 0 for one that was not activated by then."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One activation, and how it compares."""

    activation: Activation
    rate: Rate
    before: Rate | None
    """Of the activation that it is measured by; None: there is none with enough images."""
    risen: bool
    meant_by: str = ""

    @property
    def alarming(self) -> bool:
        return self.risen and not self.meant_by


class VersionCounter(SettledRows):
    """Counts the reports of the scripts' runs into the tallies of the versions."""

    table, marks, position = PrepareReport, VersionMark, "report_id"

    def count(self, after: int, until: int) -> int:
        rows = _reports(after, until)
        for (version, activation), rate in _rates_of(rows).items():
            add_to(VersionTally, asdict(rate), version_id=version, activation=activation)
        return int(rows[-1][0]) if len(rows) == _CHUNK else until


def _reports(after: int, until: int | None = None) -> list[tuple[Any, ...]]:
    rows = PrepareReport.objects.filter(id__gt=after)
    if until is not None:
        rows = rows.filter(id__lte=until)
    return list(rows.order_by("id").values_list(*_REPORT)[:_CHUNK])


def _rates_of(rows: Iterable[tuple[Any, ...]]) -> dict[Key, Rate]:
    """The runs by version and the activation of it that was the last by then."""
    found: dict[Key, Rate] = {}
    moments: dict[int, tuple[list[datetime], list[int]]] = {}
    for _, version, at, verdict, errors in rows:
        if version is None:
            continue
        if version not in moments:
            made = Activation.objects.filter(version_id=version).order_by("id").values_list("at", "id")
            moments[version] = [row[0] for row in made], [row[1] for row in made]
        times, ids = moments[version]
        place = bisect_right(times, at)
        found.setdefault((version, ids[place - 1] if place else 0), Rate()).note(verdict, errors)
    return found


def find_standings() -> list[Standing]:
    """The newest activations with their rates, the newest first."""
    made = list(Activation.objects.select_related("version").defer("content", "version__content")[:_SHOWN])[::-1]
    rates, meant = _known({row.version_id for row in made})
    first = {row.version_id: row.pk for row in reversed(made)}
    told: list[tuple[Rate, bool]] = []
    for row in made:
        rate = rates.get((row.version_id, row.pk), Rate())
        if first[row.version_id] == row.pk:
            # What ran before anything was activated belongs to the record of that content's first activation.
            rate.add(rates.get((row.version_id, 0), Rate()))
        told.append((rate, (row.version_id, row.pk) in meant))
    found = []
    for row, (rate, _), by in zip(made, told, measures(told), strict=True):
        before = told[by][0] if by is not None else None
        found.append(Standing(row, rate, before, has_risen(rate, before), meant.get((row.version_id, row.pk), "")))
    return found[::-1]


standings = ShortLived(find_standings)
"""Found out once for everybody who looks at a page."""


def standing_of(activation_id: int) -> Standing | None:
    return next((found for found in standings() if found.activation.pk == activation_id), None)


def alarm() -> Standing | None:
    """What is active, when the scripts go wrong more often since it became so; None when all is well."""
    newest = next(iter(standings()), None)
    return newest if newest is not None and newest.alarming else None


def accept(activation: Activation, actor: str) -> None:
    """Keep that the failures since this activation are meant: no alarm, and the measure of what comes next."""
    row, _ = VersionTally.objects.get_or_create(version_id=activation.version_id, activation=activation.pk)
    VersionTally.objects.filter(pk=row.pk).update(meant_by=actor)
    standings.forget()


def _known(versions: set[int]) -> tuple[dict[Key, Rate], dict[Key, str]]:
    """Counted for good, and what has come since then."""
    # The mark first: what is counted between the two looks is missed for a moment, never told twice.
    counted_to = VersionMark.objects.filter(pk=1).values_list("report_id", flat=True).first() or 0
    since = _rates_of(_reports(counted_to))
    rates: dict[Key, Rate] = {}
    meant: dict[Key, str] = {}
    for row in VersionTally.objects.filter(version_id__in=versions):
        key = row.version_id, row.activation
        rates[key] = Rate(row.images, row.troubled, row.failed, row.put_off)
        if row.meant_by:
            meant[key] = row.meant_by
    for key, rate in since.items():
        rates.setdefault(key, Rate()).add(rate)
    return rates, meant

"""The figures above the table of docs/faults.md: what all cases together came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Figures = Mapping[str, float]
"""
What one test has counted or measured, by name:

kills, acknowledged, lost, twice         kills or power cuts, images, and those that arrived once more
scripts, contained, contained_after      hostile scripts; the longest in seconds beyond the limit
good_wait                                seconds that a good peer waited at worst beside an attack
grown                                    MiB by which the listener grew
cells                                    requests and sockets that were answered as in the table of rights
places, hits                             logs, pages and files in which the canary was looked for, and found
"""

NAMES = frozenset(
    {
        *("kills", "acknowledged", "lost", "twice"),
        *("scripts", "contained", "contained_after"),
        *("good_wait", "grown", "cells", "places", "hits"),
    }
)


def headline(tests: Iterable[Figures], survived: int, tried: int) -> list[str]:
    """A table in Markdown, from the figures of each test once; what no test has measured has no row."""
    found: dict[str, list[float]] = {}
    for figures in tests:
        for name, value in figures.items():
            found.setdefault(name, []).append(value)
    lines = ["| all cases together | |", "| --- | --- |", f"| faults survived / tried | {survived} / {tried} |"]
    totals = {name: f"{sum(found.get(name, [0])):,.0f}" for name in NAMES}
    worst = {name: f"{max(found.get(name, [0])):.2f}" for name in NAMES}
    for needed, row in _ROWS.items():
        if needed in found:
            lines.append(f"| {row.format(**totals, worst=worst)} |")
    return lines


_ROWS = {
    "kills": "images lost / acknowledged, over {kills} kills and power cuts"
    " | {lost} / {acknowledged}; {twice} arrived twice",
    "scripts": "hostile scripts contained"
    " | {contained} / {scripts}, {worst[contained_after]} s beyond the limit at most",
    "good_wait": "worst wait of a good peer beside an attack | {worst[good_wait]} s",
    "grown": "largest growth of the listener by an attack | {worst[grown]} MiB",
    "cells": "requests and sockets answered as in the table of rights | {cells}",
    "hits": "hits of the canary patient | {hits} in {places} logs, pages and files",
}
"""Each row by a figure that it needs."""

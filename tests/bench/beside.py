"""
This router beside Orthanc on the same machine: interleaved runs of the shared benchmark, and the table of them.

    python -m tests.bench.beside BENCH [--rounds 3] [--only ct] [--images 600] [--quiet 10] [--keep runs.jsonl]
                                       [--write docs/performance.md]

BENCH is the folder of bench.py.  In each round every side of a comparison runs once, one after the other, so that
a machine that becomes slower does so for both; medians count.  With --keep, runs are added to a file and an
interrupted measurement goes on from there.  The router runs durable, Orthanc with all that makes it faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.table import write_between

ROOT = Path(__file__).resolve().parents[2]
_EDITS = ("orthanc-modify-rest", "orthanc-python-modify")
_FORWARD = ("orthanc-forward-rest", "orthanc-python-batch")
Run = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """One row of the table."""

    work: str
    corpus: str
    associations: int
    ours: str
    theirs: tuple[str, ...]
    rate: float
    """How many times as many images per second it is to reach."""
    cpu: float | None = None
    """How many times less processor time for an image."""

    @property
    def name(self) -> str:
        return f"{self.corpus}, {self.work}, K={self.associations}"


COMPARISONS = (
    Comparison("three edits by Lua", "ct", 1, "product-modify", _EDITS, 5, 4),
    Comparison("three edits by Lua", "ct", 4, "product-modify", _EDITS, 5, 4),
    Comparison("forward", "ct", 1, "product-forward", _FORWARD, 2.5),
    Comparison("forward", "ct", 4, "product-forward", _FORWARD, 1.8),
    Comparison("three destinations, two with functions", "ct", 1, "product-fanout", ("orthanc-fanout-rest",), 3),
    Comparison("three edits by Lua", "small", 1, "product-modify", _EDITS, 5),
    Comparison("forward", "small", 1, "product-forward", _FORWARD, 3),
    Comparison("three edits by Lua", "large", 1, "product-modify", _EDITS, 4),
    Comparison("forward", "large", 1, "product-forward", _FORWARD, 2),
    Comparison("three edits by Lua", "j2k", 1, "product-modify", _EDITS, 5),
    Comparison(
        "three edits by Lua, of a bare data path without durability", "ct", 1, "product-modify", ("pyraw-route",), 0.45
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path, help="folder of bench.py")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="comparisons whose name contains this")
    parser.add_argument("--images", type=int, default=600, help="at most so many of a corpus")
    parser.add_argument("--quiet", type=float, default=10, help="begin when others use less than so many %% of the CPU")
    parser.add_argument("--keep", type=Path, help="file to which runs are added")
    parser.add_argument("--write", type=Path, help="page that takes the table between its two marks")
    options = parser.parse_args()
    chosen = [comparison for comparison in COMPARISONS if options.only in comparison.name]
    runs = _kept(options.keep)
    for comparison in chosen:
        for number in range(options.rounds):
            for peer in (comparison.ours, *comparison.theirs):
                key = (comparison.name, peer, number)
                if key not in runs:
                    runs[key] = _run(options, comparison, peer)
                    _keep(options.keep, key, runs[key])
    text = "\n".join(report(chosen, runs, _settings()))
    print(text)
    if options.write:
        write_between(options.write, "measured", text)


Key = tuple[str, str, int]


def report(chosen: Iterable[Comparison], runs: Mapping[Key, Run], settings: str) -> list[str]:
    """The table in Markdown, from what bench.py tells of each run."""
    lines = [
        settings,
        "",
        "| Corpus and work | this router: images/s, CPU ms, peak MB | best of the others | rate | CPU | target |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for comparison in chosen:
        sides = {
            peer: [run for (name, who, _), run in sorted(runs.items()) if name == comparison.name and who == peer]
            for peer in (comparison.ours, *comparison.theirs)
        }
        ours = sides.pop(comparison.ours)
        if not ours or not any(sides.values()):
            continue
        best = max((peer for peer in sides if sides[peer]), key=lambda peer: _median(sides[peer], "e2e_ips"))
        rate = _median(ours, "e2e_ips") / _median(sides[best], "e2e_ips")
        cpu = _median(sides[best], "peer_ms_img") / _median(ours, "peer_ms_img")
        met = rate >= comparison.rate and cpu >= (comparison.cpu or 0)
        wanted = f"≥ {comparison.rate:g}" + (f", CPU ≥ {comparison.cpu:g}" if comparison.cpu else "")
        lines.append(
            f"| {comparison.name} | {_figures(ours)} | {best}: {_figures(sides[best])}"
            f" | {rate:.2f} | {cpu:.2f} | {wanted}: {'met' if met else 'missed'} |"
        )
    return lines


def _figures(runs: Sequence[Run]) -> str:
    lost = sum(run.get("lost") or 0 for run in runs) + sum(run["failed"] for run in runs)
    return (
        f"{_median(runs, 'e2e_ips'):.0f}, {_median(runs, 'peer_ms_img'):.2f}, {_median(runs, 'peak_rss_mb'):.0f}"
        f" ({len(runs)} runs{f', {lost} lost' if lost else ''})"
    )


def _median(runs: Sequence[Run], figure: str) -> float:
    return statistics.median(float(run[figure]) for run in runs)


def _run(options: argparse.Namespace, comparison: Comparison, peer: str) -> Run:
    """One run of one side by bench.py, in the words of its JSON line."""
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "runs.jsonl"
        words = [
            *(sys.executable, "-m", "tests.bench.with_fanout", str(options.bench), peer, comparison.corpus),
            *("-k", str(comparison.associations), "--sender", "dsend", "--runs", "1", "--maxruns", "1"),
            *("--quiet", str(options.quiet), "--limit", str(options.images), "--jsonl", str(lines)),
        ]
        environment = {"BENCH_PYTHON": sys.executable, "PRODUCT": str(ROOT), **os.environ}
        subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=sys.stderr, timeout=1800)
        found: Run = json.loads(lines.read_text().splitlines()[-1])
        return found


def _kept(path: Path | None) -> dict[Key, Run]:
    if path is None or not path.exists():
        return {}
    lines = (json.loads(line) for line in path.read_text().splitlines())
    return {(name, peer, number): run for (name, peer, number), run in lines}


def _keep(path: Path | None, key: Key, run: Run) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, run]) + "\n")


def _settings() -> str:
    """When, where and with which versions."""
    commit = _said("git", "rev-parse", "--short", "HEAD")
    orthanc = _said("Orthanc", "--version").partition("\n")[0]
    model = next(
        (line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ""
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, Python {platform.python_version()}, {orthanc or 'no Orthanc'},"
        f" Linux {platform.release()}, {os.cpu_count()} cores of {model}. This router: `CAPACITOR_DURABLE=full`,"
        " `synchronous=FULL`, SQLite. Orthanc: without fsync, storage cache, 4 DICOM threads, no jobs kept,"
        " `TCP_NODELAY=1`. Sender and sink run on the same cores and take about 0.35 ms for an image."
    )


def _said(*words: str) -> str:
    try:
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30).stdout.strip()
    except OSError:
        return ""


if __name__ == "__main__":
    main()

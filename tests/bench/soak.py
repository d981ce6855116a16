"""
A whole router under a steady stream: memory, handles and waiting times, by time.

    python -m tests.bench.soak [--minutes 30] [--rate 0] [--kilobytes 8] [--work edits] [--write docs/performance.md]

Rate 0 is 70 % of what the router takes at its fastest, which is tried first; --rate 2 shows how long an image takes
through an idle router.  The time of an image is that from the first byte of its C-STORE to the router to the first
byte of the router's C-STORE to the node.  --kilobytes 27000 shows what large images cost in memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.acceptance.router import Router, storage_node, until
from tests.bench.peers import Sender, sink
from tests.bench.scripts import SCRIPTS
from tests.bench.stages import dataset
from tests.bench.table import write_between

_PEAK_IMAGES = 1500
_SLOTS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=0, help="images per second; 0: 70 %% of the fastest")
    parser.add_argument("--kilobytes", type=int, default=8, help="of pixels in each image")
    parser.add_argument("--work", choices=sorted(SCRIPTS), default="edits")
    parser.add_argument("--write", type=Path, help="page that takes the table between its two marks")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrivals = folder / "arrivals"
        with (
            sink(folder / "sink", arrivals) as port,
            Sender(dataset(options.kilobytes << 10), folder / "sent") as sender,
        ):
            text = "\n".join(_soak(options, folder, port, sender, arrivals))
    print(text)
    if options.write:
        write_between(options.write, "soak", text)


def _soak(options: argparse.Namespace, folder: Path, port: int, sender: Sender, arrivals: Path) -> list[str]:
    router = Router(folder, CAPACITOR_MIN_FREE_MIB="1024")
    files = {"nodes": storage_node("ROUTER", port)}
    if script := SCRIPTS[options.work]:
        files["lua"] = "- Description: soak\n  Script: |\n" + "".join(f"    {line}\n" for line in script.splitlines())
    router.configure(**files)
    router.start()
    try:
        until(lambda: _ready(router), 60, "all parts are there")
        at_rest = sample(router)
        # The first images find cold processes.
        sender.send(router.dicom_port, 50)
        router.settled(50)
        rate, sent = options.rate, 50
        if not rate:
            began = time.monotonic()
            sender.send(router.dicom_port, _PEAK_IMAGES)
            sent += _PEAK_IMAGES
            router.settled(sent, 300)
            rate = 0.7 * _PEAK_IMAGES / (time.monotonic() - began)
        count = max(_SLOTS, round(rate * options.minutes * 60))
        samples = [sample(router)]
        sender.begin(router.dicom_port, count, rate)
        while not sender.ended(wait=options.minutes * 60 / _SLOTS / 4):
            samples.append(sample(router))
        router.settled(sent + count, 600)
        samples.append(sample(router))
        done = f"{options.minutes:g} minutes at {rate:.1f} images/s of {options.kilobytes} KiB ({options.work})"
        times = sender.times()[sent:]
        by_role = of_each_role(samples, times[0][1], times[-1][1], rate)
        return [done, *table(samples, times, times_of(arrivals), rate), "", *by_role, "", growth(at_rest, samples)]
    finally:
        router.end()


def _ready(router: Router) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{router.web_port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@dataclass(frozen=True)
class Sample:
    """All processes of the router at one moment."""

    at: float
    """Seconds since the epoch."""
    memory_mib: float
    """Each page counted once, however many processes share it, those of mapped files with it."""
    own_mib: float
    """Without the pages of mapped files, which the kernel may take back at any time."""
    handles: int
    threads: int
    cpu_seconds: float
    roles: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The same memory (MiB) and processor time (s) of the processes of each name."""


def sample(router: Router) -> Sample:
    memory, own, handles, threads, ticks = 0, 0, 0, 0, 0
    second = os.sysconf("SC_CLK_TCK")
    roles: dict[str, tuple[float, float]] = {}
    for pid in router.pids():
        process = Path(f"/proc/{pid}")
        try:
            lines = (line.split() for line in (process / "smaps_rollup").read_text().splitlines()[1:])
            kib = {line[0]: int(line[1]) for line in lines}
            memory += kib["Pss:"]
            own += kib["Pss_Anon:"] + kib["Pss_Shmem:"]
            handles += len(os.listdir(process / "fd"))
            threads += len(os.listdir(process / "task"))
            values = (process / "stat").read_text().rpartition(")")[2].split()
            used = int(values[11]) + int(values[12])
            ticks += used
            role = (process / "comm").read_text().strip().removeprefix("cap:")
            before = roles.get(role, (0.0, 0.0))
            roles[role] = (before[0] + kib["Pss:"] / 1024, before[1] + used / second)
        except (OSError, KeyError):
            # It has ended meanwhile.
            continue
    return Sample(time.time(), memory / 1024, own / 1024, handles, threads, ticks / second, roles)


def times_of(path: Path) -> dict[str, float]:
    """Moments by instance, the first for each."""
    found: dict[str, float] = {}
    for line in path.read_text().splitlines():
        name, at = line.split()
        found.setdefault(name, float(at))
    return found


def table(
    samples: Sequence[Sample], sent: Sequence[tuple[str, float]], arrived: dict[str, float], rate: float
) -> list[str]:
    """The run in ten parts, as Markdown; ``sent`` and ``arrived``: when the first bytes of each image left and came."""
    lost = [name for name, _ in sent if name not in arrived]
    lines = [
        f"on {datetime.now(UTC):%Y-%m-%d}: {len(sent)} images, {len(lost)} not delivered;"
        f" load of the machine at the end {os.getloadavg()[0]:.1f}.",
        "",
        "| Minutes | images | median | 99 of 100 | longest | memory | handles | threads | CPU for an image |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    start, end = sent[0][1], sent[-1][1] + 0.001
    for number in range(_SLOTS):
        since, until = (start + (end - start) * part / _SLOTS for part in (number, number + 1))
        took = sorted((arrived[name] - at) * 1000 for name, at in sent if since <= at < until and name in arrived)
        first, last = (_nearest(samples, moment) for moment in (since, until))
        inside = [one for one in samples if since <= one.at < until] or [last]
        cpu = (last.cpu_seconds - first.cpu_seconds) * 1000 / max(1.0, rate * (last.at - first.at))
        if took:
            lines.append(
                f"| {(since - start) / 60:.1f} to {(until - start) / 60:.1f} | {len(took)}"
                f" | {statistics.median(took):.1f} ms | {took[int(len(took) * 0.99)]:.1f} ms | {took[-1]:.0f} ms"
                f" | {max(one.memory_mib for one in inside):.0f} MiB | {max(one.handles for one in inside)}"
                f" | {max(one.threads for one in inside)} | {cpu:.2f} ms |"
            )
    return lines


def of_each_role(samples: Sequence[Sample], start: float, end: float, rate: float) -> list[str]:
    """Memory and processor time of each process in the first, the middle and the last tenth, as Markdown."""
    lines = [
        "| Process | memory, first tenth | middle | last | CPU for an image, first tenth | middle | last |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    step = (end - start) / _SLOTS
    parts = [
        (_nearest(samples, start + part * step), _nearest(samples, start + (part + 1) * step))
        for part in (0, _SLOTS // 2, _SLOTS - 1)
    ]
    for role in sorted(parts[-1][1].roles):
        ends = [(first.roles.get(role, (0.0, 0.0)), last.roles.get(role, (0.0, 0.0))) for first, last in parts]
        memory = [f"{last[0]:.0f} MiB" for _, last in ends]
        images = [max(1.0, rate * (last.at - first.at)) for first, last in parts]
        cpu = [
            f"{(last[1] - first[1]) * 1000 / count:.2f} ms" for (first, last), count in zip(ends, images, strict=True)
        ]
        lines.append(f"| {role} | {' | '.join(memory + cpu)} |")
    return lines


def growth(at_rest: Sample, samples: Sequence[Sample]) -> str:
    """What all processes need more than before the first image."""
    more = max(one.memory_mib for one in samples) - at_rest.memory_mib
    own_more = max(one.own_mib for one in samples) - at_rest.own_mib
    return (
        f"Before the first image {at_rest.memory_mib:.0f} MiB, at most {more:.0f} MiB more;"
        f" without the pages of mapped files {at_rest.own_mib:.0f} MiB, at most {own_more:.0f} MiB more."
    )


def _nearest(samples: Sequence[Sample], moment: float) -> Sample:
    return min(samples, key=lambda one: abs(one.at - moment))


if __name__ == "__main__":
    main()

"""A multi-frame image of 1 GiB passes with header edits, and no process holds it in memory."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.acceptance.router import Router, Sink, storage_node, until
from tests.images import image, write

pytestmark = pytest.mark.integration

GIB = 1 << 30
FRAMES, SIDE = 512, 1024
EDITS = """
- Description: Header edits
  Script: |
    dataset:Set('PatientName', 'LARGE^IMAGE')
    dataset:Set('StationName', 'ROUTED')
    dataset:Remove('PatientBirthDate')
"""


def large_file(path: Path) -> Path:
    """512 frames of 1024 x 1024 x 16 bit, written as a hole in the file: it needs no disk until it is received."""
    small = image("CT", 1, rows=SIDE, columns=SIDE, NumberOfFrames=FRAMES)
    del small.PixelData
    write(small, path)
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"\xe0\x7f\x10\x00OW\x00\x00" + GIB.to_bytes(4, "little"))
        file.truncate(file.tell() + GIB)
    return path


def memory(router: Router) -> dict[int, tuple[str, int]]:
    """For each process of the router its command line and the peak of its resident memory in bytes."""
    found = {}
    for pid in router.pids():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        if peak:
            found[pid] = (command.split("manage.py")[-1].strip()[:40], int(peak[1]) * 1024)
    return found


@pytest.mark.fault(33)
def test_one_gibibyte_passes_with_edits_and_memory_stays_flat(make_router, tmp_path, record_property):
    path = large_file(tmp_path / "large.dcm")
    small = write(image("CT", 2), tmp_path / "small.dcm")
    sink = Sink(tmp_path / "sink").start()
    try:
        router = make_router()
        router.configure(nodes=storage_node("PACS", sink.port), lua=EDITS)
        router.start()
        router.send([small], "PACS")
        router.settled(1)
        until(lambda: sink.files(), 10)
        idle = memory(router)
        router.send([path], "PACS")
        router.settled(2, 300)
        peak = memory(router)
        received = max(sink.files(), key=lambda file: file.stat().st_size)
        assert received.stat().st_size > GIB
        with received.open("rb") as file:
            head = file.read(4096)
        assert b"LARGE^IMAGE" in head
        assert b"19700101" not in head
    finally:
        sink.stop()
    growth = {pid: (name, bytes_ - idle[pid][1]) for pid, (name, bytes_) in peak.items() if pid in idle}
    assert len(growth) >= 6, "listener, watchdog with three children, web site, supervisor"
    for pid, (name, grown) in growth.items():
        print(f"{name:40} idle {idle[pid][1] >> 20} MiB, grew by {grown >> 20} MiB at its peak")
        record_property(f"growth of {name}", grown)
    assert all(grown < 200 << 20 for _, grown in growth.values()), growth

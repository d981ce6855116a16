"""A file that a person takes out of the quarantine is as safe as one that was received."""

import os
from pathlib import Path

import pytest

from routing.spool.quarantined import quarantined, take_back
from routing.spool.spool import Spool


def test_what_is_taken_back_is_on_the_disk_before_anybody_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, "full")
    kept = quarantined(spool, 7)
    kept.parent.mkdir()
    kept.write_bytes(b"an image")
    synced: list[str] = []

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fdatasync", noted)
    monkeypatch.setattr(os, "fsync", noted)
    take_back(spool, 7)
    there = spool.path(7)
    assert there.read_bytes() == kept.read_bytes() == b"an image"
    assert str(there) in synced, "bytes and name in one: the file is sealed"

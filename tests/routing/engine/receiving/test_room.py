"""Whether an image that comes can be stored, and what is told of it."""

from pathlib import Path

import pytest

from routing.engine.receiving.room import Room
from routing.spool.spool import Spool


def test_room_is_looked_for_once_a_second_and_told_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path, "none")
    free, inodes, now = [100], [None], [0.0]
    monkeypatch.setattr(spool, "free_bytes", lambda: free[0])
    monkeypatch.setattr(spool, "free_inodes", lambda: inodes[0])
    monkeypatch.setattr("routing.engine.receiving.room.time.monotonic", lambda: now[0])
    caplog.set_level("INFO")
    room = Room(spool, 50)
    assert room()
    free[0] = 49
    assert room()
    now[0] = 1.5
    assert not room()
    now[0], free[0] = 3.0, 50
    assert room()
    now[0], inodes[0] = 4.5, 1000  # type: ignore[call-overload]
    assert not room()
    told = [record.getMessage() for record in caplog.records]
    no, again = "spool has no room: images are refused with 0xA700", "spool has room again: images are taken"
    assert told == [no, again, no]


def test_a_spool_that_is_gone_is_told_as_that_and_not_as_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path / "spool", "none")
    mark = spool.root / ".spool"
    mark.touch()
    now, free = [0.0], [100]
    monkeypatch.setattr(spool, "free_bytes", lambda: free[0])
    monkeypatch.setattr("routing.engine.receiving.room.time.monotonic", lambda: now[0])
    room = Room(spool, 50)
    assert room()
    mark.unlink()
    now[0] = 1.5
    assert not room()
    mark.touch()
    now[0] = 3.0
    assert room()
    now[0], free[0] = 4.5, 49
    assert not room()
    assert [record.getMessage() for record in caplog.records] == [
        "spool is gone (is its file system mounted?): images are refused with 0xA700",
        "spool is here again: images are taken",
        "spool has no room: images are refused with 0xA700",
    ]

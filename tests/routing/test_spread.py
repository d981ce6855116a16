"""The folders of hours are placed apart, and nothing depends on it."""

import errno
import struct
from pathlib import Path
from typing import Any

import pytest

from routing import spread
from routing.core.identifiers import Identifiers
from routing.spool import Spool

GET, SET, TOP = 0x80086601, 0x40086602, 0x00020000


def test_days_and_hours_are_placed_apart_and_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags: dict[int, int] = {}
    asked: list[int] = []

    def ioctl(descriptor: int, request: int, argument: bytes) -> bytes:
        folder = Path(f"/proc/self/fd/{descriptor}").stat().st_ino
        if request == SET:
            asked.append(folder)
            (flags[folder],) = struct.unpack("@l", argument)
        return struct.pack("@l", flags.get(folder, 0x80000))

    monkeypatch.setattr(spread.fcntl, "ioctl", ioctl)
    for _ in range(2):
        part = Spool(tmp_path / "spool").begin(identifier := Identifiers(1)())
        part.discard()
    day = Spool(tmp_path / "spool").path(identifier).parent.parent
    root = (tmp_path / "spool").stat().st_ino
    assert asked == [root, day.stat().st_ino]
    # What else is set of the folder stays set.
    assert flags == {root: 0x80000 | TOP, day.stat().st_ino: 0x80000 | TOP}


def test_a_file_system_that_knows_no_such_thing_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(*_: Any) -> bytes:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    monkeypatch.setattr(spread.fcntl, "ioctl", ioctl)
    part = Spool(tmp_path / "spool").begin(Identifiers(1)())
    part.write([b"bytes"])
    part.commit()
    spread.spread_folders_in(tmp_path / "nowhere")

"""The folders of hours are placed apart, and nothing depends on it."""

import errno
import struct
from pathlib import Path
from typing import Any

import pytest

from routing.core.identifiers import Identifiers
from routing.spool import spread
from routing.spool.spool import Spool

GET, SET, TOP = 0x80086601, 0x40086602, 0x00020000


def test_folders_are_placed_apart_which_is_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        part = Spool(tmp_path / "spool").begin(Identifiers(1)())
        part.discard()
    root = (tmp_path / "spool").stat().st_ino
    assert asked == [root]
    # What else is set of the folder stays set.
    assert flags == {root: 0x80000 | TOP}


def test_a_file_system_that_knows_no_such_thing_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(*_: Any) -> bytes:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    monkeypatch.setattr(spread.fcntl, "ioctl", ioctl)
    part = Spool(tmp_path / "spool").begin(Identifiers(1)())
    part.write([b"bytes"])
    part.commit()
    spread.spread_folders_in(tmp_path / "nowhere")


def test_a_folder_is_made_where_its_name_does_not_decide_and_nothing_else_stays(tmp_path: Path) -> None:
    day = tmp_path / "20261120"
    day.mkdir()
    made: list[str] = []
    real = Path.mkdir

    def mkdir(path: Path, mode: int = 0o777) -> None:
        made.append(path.name)
        real(path, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "mkdir", mkdir)
        for hour in ("08", "09", "08"):
            spread.make_apart(day / hour, within=tmp_path)
    assert len(set(made)) == 2 and not {"08", "09"} & set(made)
    assert sorted(path.name for path in day.iterdir()) == ["08", "09"]
    assert [path.name for path in tmp_path.iterdir()] == ["20261120"]
    assert (day / "08").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("files", [[], ["1.dcm"]])
def test_what_another_process_has_made_meanwhile_keeps_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str]
) -> None:
    path = tmp_path / "08"
    path.mkdir()
    for name in files:
        (path / name).touch()
    looks = iter([False])
    real = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda folder: next(looks, None) is None and real(folder))
    spread.make_apart(path, within=tmp_path)
    assert [found.name for found in path.iterdir()] == files
    assert [found.name for found in tmp_path.iterdir()] == ["08"]


def test_a_day_that_was_pruned_meanwhile_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spread.make_apart(tmp_path / "20261120" / "08", within=tmp_path)
    assert not list(tmp_path.iterdir())

"""The folders of hours are placed apart, and nothing depends on it."""

import contextlib
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
        patch.setattr(spread, "_cost_of_files", lambda _: 10_000)
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


def test_the_first_place_is_taken_where_files_are_cheap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = iter([400_000, 90_000, 20_000, 10_000])
    inodes: list[int] = []

    def cost(folder: Path) -> int:
        inodes.append(folder.stat().st_ino)
        return next(costs)

    monkeypatch.setattr(spread, "_cost_of_files", cost)
    spread.make_apart(tmp_path / "08", within=tmp_path)
    assert len(inodes) == 3
    assert (tmp_path / "08").stat().st_ino == inodes[2]
    assert [path.name for path in tmp_path.iterdir()] == ["08"]


def test_where_no_place_is_cheap_the_best_of_some_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inodes: list[int] = []

    def cost(folder: Path) -> int:
        inodes.append(folder.stat().st_ino)
        return 60_000 if len(inodes) == 7 else 70_000

    monkeypatch.setattr(spread, "_cost_of_files", cost)
    spread.make_apart(tmp_path / "08", within=tmp_path)
    assert len(set(inodes)) == len(inodes) == 32
    assert (tmp_path / "08").stat().st_ino == inodes[6]
    assert [path.name for path in tmp_path.iterdir()] == ["08"]


@pytest.mark.parametrize("room", [0, 1, 3])
def test_a_disk_that_takes_no_more_folders_gets_the_best_of_those_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    real, left = Path.mkdir, iter(range(room))

    def mkdir(path: Path, mode: int = 0o777) -> None:
        if next(left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, mode)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(spread, "_cost_of_files", lambda _: 70_000)
    with contextlib.nullcontext() if room else pytest.raises(OSError, match="No space left"):
        spread.make_apart(tmp_path / "08", within=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == (["08"] if room else [])


def test_what_files_cost_is_found_out_with_files_that_nobody_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread.make_apart(tmp_path / "08", within=tmp_path)
    assert not list((tmp_path / "08").iterdir())

    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    # Where there are no files without names, the first place is as good as any.
    monkeypatch.setattr(spread.os, "open", refuse)
    spread.make_apart(tmp_path / "09", within=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["08", "09"]


def test_a_day_that_was_pruned_meanwhile_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        spread.make_apart(tmp_path / "20261120" / "08", within=tmp_path)
    assert not list(tmp_path.iterdir())

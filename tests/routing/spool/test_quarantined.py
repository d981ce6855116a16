"""A file that a person takes out of the quarantine is as safe as one that was received."""

import errno
import fcntl
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from routing.spool.part import Part
from routing.spool.quarantined import quarantined, quarantined_ids, set_aside, take_back
from routing.spool.spool import Spool

ROOT = Path(__file__).resolve().parents[3]


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


def test_what_could_not_be_taken_back_for_want_of_room_can_be_once_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that stayed taken would be understood as an image that has been taken back already."""
    spool = Spool(tmp_path, "none")
    kept = quarantined(spool, 7)
    kept.parent.mkdir()
    kept.write_bytes(b"an image")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk, pytest.raises(OSError, match="No space left"):
        disk.setattr(Part, "write", full)
        take_back(spool, 7)
    assert not spool.path(7).exists()
    take_back(spool, 7)
    assert spool.path(7).read_bytes() == b"an image"


TAKES_FOR_EVER = """
import sys
from pathlib import Path
from routing.spool.part import Part
from routing.spool.quarantined import take_back
from routing.spool.spool import Spool
write = Part.write
def half(part, pieces):
    write(part, [b"an im"])
    print("at it", flush=True)
    sys.stdin.read()
Part.write = half
take_back(Spool(Path(sys.argv[1]), "none"), 7)
"""


@pytest.mark.integration
def test_what_another_is_taking_is_not_said_to_be_taken_and_can_be_as_soon_as_that_is_killed(tmp_path: Path) -> None:
    """It could not be taken until what the killed process had left was swept, an hour later."""
    spool = Spool(tmp_path, "none")
    kept = quarantined(spool, 7)
    kept.parent.mkdir()
    kept.write_bytes(b"an image")
    command = [sys.executable, "-c", TAKES_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"at it\n"
        with pytest.raises(FileExistsError):
            take_back(spool, 7)
        other.kill()
    assert not spool.path(7).exists()
    take_back(spool, 7)
    assert spool.path(7).read_bytes() == b"an image"
    take_back(spool, 7)
    assert kept.exists()
    assert [path.name for path in spool.path(7).parent.iterdir()] == ["7.dcm"]


def test_where_the_file_system_has_no_locks_what_was_left_is_swept_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, "none")
    kept = quarantined(spool, 7)
    kept.parent.mkdir()
    kept.write_bytes(b"an image")
    spool.begin(7).write([b"an im"])

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(FileExistsError):
        take_back(spool, 7)
    spool.sweep_parts(timedelta(0))
    take_back(spool, 7)
    assert spool.path(7).read_bytes() == b"an image"
    take_back(spool, 7)
    assert kept.exists()


def test_what_was_refused_is_for_the_routers_own_eyes_and_files_of_others_are_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "none")
    part = spool.begin(7)
    part.write([b"an image"])
    set_aside(spool, part)
    folder = quarantined(spool, 7).parent
    assert (folder.stat().st_mode & 0o777, quarantined(spool, 7).stat().st_mode & 0o777) == (0o700, 0o600)
    (folder / "copy of 7.dcm").write_bytes(b"")
    assert quarantined_ids(spool) == [7]

"""The spool: nothing half-written is ever found, nothing committed is ever overwritten."""

import errno
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from routing import spool as spools
from routing.core.identifiers import Identifiers, first_at
from routing.spool import Durability, Spool, SpoolGone
from routing.write_out import start_writing_out

EIGHT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def stored(spool: Spool, identifier: int, content: bytes = b"x") -> int:
    part = spool.begin(identifier)
    part.write([content])
    part.commit()
    return identifier


def files(spool: Spool) -> list[str]:
    return sorted(str(path.relative_to(spool.root)) for path in spool.root.rglob("*") if path.is_file())


def test_a_committed_file_lies_in_the_folder_of_its_hour(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    identifier = stored(spool, first_at(EIGHT), b"abc")
    assert spool.path(identifier) == tmp_path / "20261120" / "08" / f"{identifier}.dcm"
    assert spool.path(identifier).read_bytes() == b"abc"


def test_pieces_are_written_in_order_whatever_their_number(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    part = spool.begin(7)
    pieces = [bytes([number % 256]) * (number % 3) for number in range(3000)]
    part.write(pieces)
    part.write([memoryview(b"end")])
    part.commit()
    assert spool.path(7).read_bytes() == b"".join(pieces) + b"end"
    assert part.size == spool.path(7).stat().st_size


@pytest.mark.parametrize(
    ("durable", "mib", "ranges"), [("full", 5, [(0, 2), (2, 2)]), ("full", 1, []), ("none", 5, [])]
)
def test_a_large_file_is_on_its_way_to_the_disk_while_more_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: Durability, mib: int, ranges: list[tuple[int, int]]
) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(spools, "start_writing_out", lambda *range_: asked.append(range_))
    spool = Spool(tmp_path, durable)
    part = spool.begin(7)
    for number in range(mib):
        part.write([bytes([number]) * (1 << 20)])
    assert asked == [(part.fd, start << 20, length << 20) for start, length in ranges]
    part.commit()
    assert spool.path(7).read_bytes() == b"".join(bytes([number]) * (1 << 20) for number in range(mib))


def test_writing_out_takes_any_descriptor_and_promises_nothing(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb", buffering=0) as file:
        file.write(bytes(8192))
        start_writing_out(file.fileno(), 0, 8192)
    start_writing_out(-1, 0, 1)


def test_a_write_that_the_kernel_takes_in_bites_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda fd, pieces: writev(fd, [pieces[0][:3]]))
    part = Spool(tmp_path).begin(7)
    part.write([b"abcdefg", b"hi", b"jklm"])
    part.commit()
    assert Spool(tmp_path).path(7).read_bytes() == b"abcdefghijklm"


def test_a_file_has_no_name_to_be_found_by_before_it_is_committed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    part = spool.begin(7)
    part.write([b"abc"])
    assert list(spool.ids()) == []
    assert not spool.path(7).exists()
    part.commit()
    assert list(spool.ids()) == [7]


def test_discarding_leaves_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    part = spool.begin(7)
    part.write([b"abc"])
    part.discard()
    part.discard()
    assert files(spool) == []


def test_discarding_after_the_commit_keeps_the_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    part = spool.begin(7)
    part.commit()
    part.discard()
    assert list(spool.ids()) == [7]


def test_an_identifier_that_has_a_file_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    stored(spool, 7, b"first")
    with pytest.raises(FileExistsError, match="identifier 7 already has a file"):
        spool.begin(7)
    assert spool.path(7).read_bytes() == b"first"


def test_an_identifier_that_is_being_written_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.begin(7)
    with pytest.raises(FileExistsError):
        Spool(tmp_path).begin(7)


def test_what_another_process_commits_while_its_identifier_is_asked_for_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, other, really = Spool(tmp_path, "none"), Spool(tmp_path, "none"), os.open
    part = other.begin(7)
    part.write([b"first"])

    def slow(path: str, *arguments: Any, **options: Any) -> int:
        if str(path).endswith(".part"):
            part.commit()
        return really(path, *arguments, **options)

    with monkeypatch.context() as patched, pytest.raises(FileExistsError):
        patched.setattr(os, "open", slow)
        stored(spool, 7, b"second")
    assert files(spool) == [str(spool.path(7).relative_to(tmp_path))]
    assert spool.path(7).read_bytes() == b"first"


def test_the_bytes_are_synced_before_the_name_and_the_name_before_the_commit_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path)
    part = spool.begin(7)
    order: list[str] = []
    for name in ("fdatasync", "rename", "fsync"):
        real = getattr(os, name)

        def watched(*args: object, _name: str = name, _real: object = real, **more: object) -> None:
            order.append(_name)
            _real(*args, **more)  # type: ignore[operator]

        monkeypatch.setattr(os, name, watched)
    part.commit()
    assert order == ["fdatasync", "rename", "fsync"]


def test_without_durability_nothing_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("synced")

    monkeypatch.setattr(os, "fdatasync", never)
    monkeypatch.setattr(os, "fsync", never)
    spool = Spool(tmp_path, durable="none")
    assert list(spool.ids()) == []
    stored(spool, 7)
    assert list(spool.ids()) == [7]


@pytest.mark.parametrize("call", ["fdatasync", "rename", "fsync"])
def test_a_commit_that_fails_at_any_step_leaves_no_file_after_the_discard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    spool = Spool(tmp_path)
    part = spool.begin(7)
    part.write([b"abc"])

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "broken disk")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(OSError, match="broken disk"):
            part.commit()
    part.discard()
    assert files(spool) == []


def test_nobody_else_may_read_files_and_folders(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    path = spool.path(stored(spool, 7))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, spool.root):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_identifiers_come_in_order_and_from_a_given_one_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    times = [EIGHT + timedelta(minutes=20 * step) for step in range(12)]
    expected = [stored(spool, first_at(moment)) for moment in reversed(times)][::-1]
    assert list(spool.ids()) == expected
    assert list(spool.ids(since=expected[4])) == expected[4:]


def test_identifiers_are_compared_as_numbers_whatever_their_length(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for identifier in (9, 80, 99, 100, 101, 1000):
        stored(spool, identifier)
    assert list(spool.ids(since=100)) == [100, 101, 1000]
    assert list(spool.ids(since=80)) == [80, 99, 100, 101, 1000]


def test_strange_names_in_the_tree_are_passed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    stored(spool, 7)
    (spool.path(7).parent / "note.dcm").touch()
    (spool.path(7).parent / "8.txt").touch()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "20261120").touch()
    assert list(spool.ids()) == [7]


def test_only_old_parts_are_swept(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for identifier in (7, 8):
        spool.begin(identifier).write([b"abc"])
    os.utime(spool.path(7).with_name("7.dcm.part"), (0, 0))
    stored(spool, 9)
    os.utime(spool.path(9), (0, 0))
    assert spool.sweep_parts(timedelta(hours=1)) == 1
    assert [Path(name).name for name in files(spool)] == ["8.dcm.part", "9.dcm"]


def test_the_folder_that_a_kill_left_before_it_was_that_of_an_hour_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def rename(folder: Path, to: Path) -> Path:
        raise Killed

    spool = Spool(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Path, "rename", rename)
        spool.begin(7)
    spool = Spool(tmp_path)
    (left,) = [found for found in tmp_path.glob(".*") if found.is_dir()]
    assert spool.sweep_parts(timedelta(hours=1)) == 0
    for folder in (left, tmp_path / ".snapshot"):
        folder.mkdir(exist_ok=True)
        os.utime(folder, (0, 0))
    assert spool.sweep_parts(timedelta(hours=1)) == 1
    assert not left.exists() and (tmp_path / ".snapshot").exists()


def test_discarding_an_identifier_tells_whether_there_was_a_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    stored(spool, 7)
    assert spool.discard(7) is True
    assert spool.discard(7) is False


def test_empty_folders_of_past_hours_are_pruned_and_come_back_when_needed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    old, new = first_at(EIGHT), first_at(EIGHT + timedelta(hours=1))
    for identifier in (old, new):
        spool.discard(stored(spool, identifier))
    assert spool.prune_folders(before=EIGHT + timedelta(hours=1)) == 1
    assert not spool.path(old).parent.exists()
    assert spool.path(new).parent.exists()
    stored(spool, old + 1)
    assert list(spool.ids()) == [old + 1]


def test_folders_that_hold_files_are_not_pruned(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    stored(spool, first_at(EIGHT))
    assert spool.prune_folders(before=EIGHT + timedelta(days=1)) == 0


def test_descriptors_of_past_hours_do_not_pile_up(tmp_path: Path) -> None:
    spool = Spool(tmp_path, durable="none")
    before = len(os.listdir("/proc/self/fd"))
    for step in range(30):
        stored(spool, first_at(EIGHT + timedelta(hours=step)))
    assert len(os.listdir("/proc/self/fd")) <= before + 4


def test_a_part_outlives_the_cache_of_open_folders(tmp_path: Path) -> None:
    spool = Spool(tmp_path, durable="none")
    part = spool.begin(first_at(EIGHT))
    for step in range(1, 10):
        stored(spool, first_at(EIGHT + timedelta(hours=step)))
    part.commit()
    assert next(iter(spool.ids())) == first_at(EIGHT)


def test_free_space_is_what_the_file_system_says(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert 0 < spool.free_bytes() <= os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert spool.free_inodes() is None or spool.free_inodes() > 0  # type: ignore[operator]


def test_identifiers_of_two_makers_share_one_tree(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    made = [stored(spool, Identifiers(tag)()) for tag in (1, 2)]
    assert list(spool.ids()) == sorted(made)


@pytest.mark.parametrize("what", ["spool", "folder with everything"])
def test_where_a_spool_was_no_other_one_begins(tmp_path: Path, what: str) -> None:
    folder, new_id = tmp_path / "data", Identifiers(1)
    folder.mkdir()
    spool = Spool(folder / "spool")
    spool.mark()
    # In an hour of the past: what is open already leads to where the files are.
    stored(spool, first_at(EIGHT))
    place, away = spool.root if what == "spool" else folder, tmp_path / "away"
    place.rename(away)
    place.mkdir()
    assert spool.gone
    with pytest.raises(SpoolGone, match="is its file system mounted"):
        stored(spool, new_id())
    place.rmdir()
    away.rename(place)
    assert not spool.gone
    stored(spool, new_id())
    assert len(list(spool.ids())) == 2

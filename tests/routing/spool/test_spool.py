"""The spool: what lies in it, what is swept, and how one that is away is told."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from routing.core.identifiers import Identifiers, first_at
from routing.spool import mark as spool_mark
from routing.spool.spool import Spool, SpoolGone
from tests.routing.spool.spooled import EIGHT, files, stored


def test_a_committed_file_lies_in_the_folder_of_its_hour(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    identifier = stored(spool, first_at(EIGHT), b"abc")
    assert spool.path(identifier) == tmp_path / "20261120" / "08" / f"{identifier}.dcm"
    assert spool.path(identifier).read_bytes() == b"abc"


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


def test_free_space_is_what_the_file_system_says(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert 0 < spool.free_bytes() <= os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert spool.free_inodes() is None or spool.free_inodes() > 0  # type: ignore[operator]


def test_identifiers_of_two_makers_share_one_tree(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    made = [stored(spool, Identifiers(tag)()) for tag in (1, 2)]
    assert list(spool.ids()) == sorted(made)


def test_a_new_spool_is_not_gone_while_another_process_marks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes begin at once, at the very first start."""
    spool, is_marked = Spool(tmp_path / "spool"), spool_mark.is_marked

    def and_then_it_is(root: Path) -> bool:
        marked = is_marked(root)
        spool_mark.mark(root)
        spool_mark._seen.clear()
        return marked

    monkeypatch.setattr(spool_mark, "is_marked", and_then_it_is)
    assert not spool.gone


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


def test_a_link_into_a_volume_that_is_not_mounted_is_a_spool_that_is_gone(tmp_path: Path) -> None:
    root, volume = tmp_path / "spool", tmp_path / "volume"
    root.symlink_to(volume)
    with pytest.raises(SpoolGone, match="is its file system mounted"):
        Spool(root)
    volume.mkdir()
    assert not Spool(root).gone

"""A file of the spool while it is written: nothing half-written is ever found, nothing committed is overwritten."""

import errno
import os
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from routing.core.identifiers import first_at
from routing.spool import part as parts
from routing.spool.spool import Durability, Spool
from routing.spool.write_out import start_writing_out
from tests.routing.spool.spooled import EIGHT, files, stored


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
    monkeypatch.setattr(parts, "start_writing_out", lambda *range_: asked.append(range_))
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


class Steps:
    """What a commit asks of the system, in order; one of these calls may fail."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, one_barrier: bool, seals: bool = True, fails: str = ""
    ) -> None:
        self.taken: list[str] = []
        self.synced: list[int] = []
        monkeypatch.setattr(parts, "names_go_with_files", lambda folder: one_barrier)
        monkeypatch.setattr(parts, "seal", self._watched("seal", lambda *_: seals, fails))
        for name in ("fdatasync", "rename", "fsync", "fchmod"):
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name), fails))

    def _watched(self, name: str, really: Callable[..., Any], fails: str) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            if name == fails:
                raise OSError(errno.EIO, "broken disk")
            self.taken.append(name)
            if name == "fsync":
                self.synced.append(arguments[0])
            return really(*arguments, **options)

        return watched


def begun(spool: Spool) -> parts.Part:
    part = spool.begin(7)
    part.write([b"abc"])
    return part


@pytest.mark.parametrize(("one_barrier", "seals"), [(False, True), (True, False)])
def test_the_bytes_are_synced_before_the_name_and_the_name_before_the_commit_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_barrier: bool, seals: bool
) -> None:
    steps = Steps(monkeypatch, one_barrier=one_barrier, seals=seals)
    part = begun(Spool(tmp_path))
    steps.taken.clear()
    written = part.fd
    part.commit()
    assert [step for step in steps.taken if step != "seal"] == ["fdatasync", "rename", "fsync"]
    assert steps.synced[-1] != written


def test_the_names_of_day_and_hour_are_durable_too_whoever_made_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(parts, "sync_folder", synced.append)
    for _ in ("who makes them", "another process, which finds them there"):
        Spool(tmp_path).begin(first_at(EIGHT)).discard()
        assert synced == [tmp_path, tmp_path / "20261120"]
        synced.clear()


def test_where_a_name_goes_with_its_file_a_sealed_file_is_synced_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(monkeypatch, one_barrier=True)
    part = begun(Spool(tmp_path))
    steps.taken.clear()
    written = part.fd
    part.commit()
    # The last one asks whether the journal still takes something: a sync alone may claim so.
    assert steps.taken == ["seal", "rename", "fsync", "fchmod"]
    assert steps.synced[-1] == written


def test_without_durability_nothing_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("synced")

    monkeypatch.setattr(os, "fdatasync", never)
    monkeypatch.setattr(os, "fsync", never)
    spool = Spool(tmp_path, durable="none")
    assert list(spool.ids()) == []
    stored(spool, 7)
    assert list(spool.ids()) == [7]


@pytest.mark.parametrize(
    ("fails", "one_barrier"),
    [("fdatasync", False), ("rename", False), ("fsync", False), ("rename", True), ("fsync", True), ("fchmod", True)],
)
def test_a_commit_that_fails_at_any_step_leaves_no_file_after_the_discard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, one_barrier: bool
) -> None:
    spool = Spool(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(parts, "names_go_with_files", lambda folder: one_barrier)
        part = begun(spool)
        Steps(broken, one_barrier=one_barrier, fails=fails)
        with pytest.raises(OSError, match="broken disk"):
            part.commit()
    part.discard()
    assert files(spool) == []


def test_where_the_disk_takes_nothing_any_more_the_first_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "read-only file system")

    part = begun(Spool(tmp_path))
    Steps(monkeypatch, one_barrier=True, fails="fsync")
    monkeypatch.setattr(os, "unlink", read_only)
    with pytest.raises(OSError, match="broken disk"):
        part.commit()


def test_a_seal_tells_size_and_checksum_of_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed: list[tuple[int, int]] = []

    def seal(descriptor: int, size: int, checksum: int) -> bool:
        sealed.append((size, checksum))
        return True

    monkeypatch.setattr(parts, "names_go_with_files", lambda folder: True)
    monkeypatch.setattr(parts, "seal", seal)
    begun(Spool(tmp_path)).commit()
    assert sealed == [(3, zlib.crc32(b"abc"))]


def test_a_part_outlives_the_cache_of_open_folders(tmp_path: Path) -> None:
    spool = Spool(tmp_path, durable="none")
    part = spool.begin(first_at(EIGHT))
    for step in range(1, 10):
        stored(spool, first_at(EIGHT + timedelta(hours=step)))
    part.commit()
    assert next(iter(spool.ids())) == first_at(EIGHT)

"""Whole files beside the spool's own: drafts vanish, kept ones are durable before anybody names them."""

import os
from pathlib import Path

import pytest

from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool


def old(path: Path) -> None:
    os.utime(path, (1, 1))


def test_a_draft_that_is_kept_has_a_name_of_its_own_and_its_bytes(tmp_path: Path) -> None:
    files = PreparedFiles(tmp_path)
    with files.draft() as draft:
        draft.write_bytes(b"DICM")
        first = files.keep(draft, 7)
    with files.draft() as draft:
        draft.write_bytes(b"other")
        second = files.keep(draft, 7)
    assert first != second
    assert files.path(first).read_bytes() == b"DICM"
    assert sorted(os.listdir(files.folder)) == sorted([first, second])


def test_a_draft_that_is_not_kept_is_gone_also_after_an_error(tmp_path: Path) -> None:
    files = PreparedFiles(tmp_path)
    with files.draft() as draft:
        draft.write_bytes(b"x")
    with pytest.raises(ZeroDivisionError), files.draft() as draft:
        draft.write_bytes(b"x")
        raise ZeroDivisionError
    with files.draft():
        pass
    assert os.listdir(files.folder) == []


def test_the_bytes_are_durable_before_the_name_and_the_name_before_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = PreparedFiles(tmp_path)
    steps = []
    monkeypatch.setattr(os, "fsync", lambda fd: steps.append(os.readlink(f"/proc/self/fd/{fd}")))
    rename = Path.rename

    def watched(self: Path, to: Path) -> Path:
        steps.append("rename")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", watched)
    with files.draft() as draft:
        draft.write_bytes(b"x")
        files.keep(draft, 7)
    assert steps == [str(draft), "rename", str(files.folder)]


def test_discarding_what_is_gone_is_no_error(tmp_path: Path) -> None:
    PreparedFiles(tmp_path).discard_unnamed(["7-0000.dcm"], [])


def test_reception_never_finds_prepared_files(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "none")
    files = PreparedFiles(spool.root)
    with files.draft() as draft:
        draft.write_bytes(b"x")
        files.keep(draft, 7)
        assert list(spool.ids()) == []


def test_old_drafts_are_swept_and_nothing_else(tmp_path: Path) -> None:
    files = PreparedFiles(tmp_path)
    with files.draft() as young, files.draft() as abandoned, files.draft() as kept:
        for path in (young, abandoned, kept):
            path.write_bytes(b"x")
        name = files.keep(kept, 7)
        old(abandoned)
        old(files.path(name))
        assert files.sweep_parts(3600) == 1
        assert sorted(os.listdir(files.folder)) == sorted([young.name, name])


def test_old_files_that_no_row_names_are_removed(tmp_path: Path) -> None:
    files = PreparedFiles(tmp_path)
    names = []
    for number in range(3):
        with files.draft() as draft:
            draft.write_bytes(b"x")
            names.append(files.keep(draft, number))
    old(files.path(names[0]))
    old(files.path(names[1]))
    assert sorted(files.names(3600)) == sorted(names[:2])
    assert files.discard_unnamed(files.names(3600), {names[0]}) == 1
    assert sorted(os.listdir(files.folder)) == sorted([names[0], names[2]])

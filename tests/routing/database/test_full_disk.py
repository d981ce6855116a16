"""Who starts on a full disk reads which one it is, and what to do."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from routing.database import full_disk
from routing.database.full_disk import is_full, why_full
from tests.acceptance.router import Router
from tests.faults.mounts import fill, memory


def as_django_tells(error: BaseException) -> OperationalError:
    told = OperationalError(str(error))
    told.__cause__ = error
    return told


def test_sqlites_error_is_known_by_its_name_and_no_other_is_taken_for_it() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA max_page_count = 3")
    with pytest.raises(sqlite3.OperationalError) as full:
        database.executescript("CREATE TABLE a(b); INSERT INTO a VALUES (zeroblob(100000))")
    with pytest.raises(sqlite3.OperationalError) as other:
        database.execute("SELECT * FROM nothing")
    assert is_full(full.value) and is_full(as_django_tells(full.value))
    assert not is_full(as_django_tells(other.value)) and not is_full(OperationalError()) and not is_full(None)


@pytest.mark.parametrize(("state", "full"), [("53100", True), ("53300", False)])
def test_postgresqls_is_known_by_its_state(state: str, full: bool) -> None:
    class Told(Exception):
        sqlstate = state

    assert is_full(as_django_tells(Told())) is full


def rooms(**free: int) -> Callable[[Path], SimpleNamespace]:
    return lambda folder: SimpleNamespace(free=free[folder.name] << 20)


def test_the_file_system_that_is_named_is_the_one_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, temporary = tmp_path / "data", tmp_path / "temporary"
    for folder in (data, temporary):
        folder.mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    monkeypatch.setattr(full_disk.shutil, "disk_usage", rooms(data=2, temporary=900))
    told = why_full(data / "capacitor.sqlite3")
    assert f"where the database {data / 'capacitor.sqlite3'} lies, is full (2 MiB free)" in told
    assert "Make room there (" in told
    monkeypatch.setattr(full_disk.shutil, "disk_usage", rooms(data=900, temporary=2))
    told = why_full(data / "capacitor.sqlite3")
    assert f"where SQLite keeps its temporary files ({temporary}), is full (2 MiB free)" in told
    assert "or set SQLITE_TMPDIR" in told
    assert "of the database server is full" in why_full(None)


@pytest.mark.integration
def test_a_migration_without_room_says_so_and_goes_through_once_there_is_some(tmp_path: Path) -> None:
    """It said that ./run install brings the database up to date, which was what had just been tried."""
    router = Router(tmp_path)
    with memory(router.data, "size=8m"):
        for left in (100_000, 1_000_000):
            fill(router.data / "filler", leave=left)
            failed = router.manage("migrate", "--noinput", check=False)
            last = failed.stderr.splitlines()[-1]
            assert failed.returncode and last.startswith(f"Cannot go on: the file system {router.data}, where the"), (
                last
            )
            assert "is full (0 MiB free). Nothing is damaged" in last and "./run install" not in failed.stderr
            (router.data / "filler").unlink()
        assert not router.manage("migrate", "--noinput", check=False).returncode

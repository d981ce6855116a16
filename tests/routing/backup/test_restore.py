"""What a restore looks at before it writes anything."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from routing.backup import restore as restoring
from routing.backup.copies import SUMS, BackupProblem, sum_of, write_sums
from routing.backup.make import FORMAT, MANIFEST

pytestmark = pytest.mark.django_db


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """One image of 3 MiB and a database of 1 MiB."""
    folder = tmp_path / "backup"
    files = {"spool/20261130/07/1.dcm": b"i" * (3 << 20), "capacitor.sqlite3": b"d" * (1 << 20)}
    files["audit-waiting.jsonl"] = b"records"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_sums(folder, {name: sum_of(folder / name) for name in files})
    manifest = {"format": FORMAT, "database": "capacitor.sqlite3", "sums": sum_of(folder / SUMS)}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize(("free_mib", "fits"), [(3, False), (4, True)])
def test_a_disk_too_small_for_the_backup_is_told_before_anything_is_written(
    backup: Path, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, free_mib: int, fits: bool
) -> None:
    """It was found out half-way, and the next start took the part for a spool whose database was lost."""
    data = tmp_path / "data"
    data.mkdir()
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=data)
    loaded: list[Path] = []
    monkeypatch.setattr(restoring, "is_new", lambda: True)
    monkeypatch.setattr(restoring, "restore_database", lambda one, pause: loaded.append(one.database))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free_mib << 20))
    if fits:
        restoring.restore(backup)
        assert loaded and (data / "spool/20261130/07/1.dcm").exists()
        assert (data / "audit-waiting.jsonl").read_bytes() == b"records"
        return
    with pytest.raises(BackupProblem, match=r"nothing was restored: .* has 3 MiB free; the backup needs 5 MiB"):
        restoring.restore(backup)
    assert not loaded and not (data / "spool").exists()

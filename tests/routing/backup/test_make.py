"""Backups while files come and go: what the database of the backup counts on is in it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from routing.backup import database
from routing.backup.copies import BackupProblem
from routing.backup.make import Made, make_backup
from routing.core.states import QueueState
from routing.engine.housekeeping.retention import purge_files
from routing.folders import data_folder
from routing.models import QueueItem
from routing.queue.spool import open_spool
from routing.spool.prepared import PreparedFiles
from routing.spool.quarantined import quarantined, set_aside_committed
from routing.spool.spool import Spool
from tests.builders import queue_item, received

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


class House:
    """A data folder of which a backup is made, its database by a word."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.spool: Spool = open_spool()
        self._folder, self._monkeypatch = folder, monkeypatch

    def item(self, state: QueueState) -> QueueItem:
        ended = timezone.now() - 2 * DAY
        return queue_item(state, id=received(self.spool).id, finished_at=ended, updated_at=ended)

    def purge(self) -> None:
        purge_files(self.spool, PreparedFiles(self.spool.root), DAY)

    def backup(self, before: Callable[[], Any] = int, after: Callable[[], Any] = int) -> Made:
        """Something else happens when the files have been copied, and when the database has."""

        def dump(target: Path) -> None:
            target.write_bytes(b"rows")
            after()

        self._monkeypatch.setattr(database, "dump", dump)
        return make_backup(self._folder / "backup", say=lambda text: text == "copying the database" and before())

    def kept(self, item: QueueItem) -> bool:
        return (self._folder / "backup/spool" / self.spool.path(item.id).relative_to(self.spool.root)).exists()


@pytest.fixture
def house(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=tmp_path / "data")
    return House(tmp_path, monkeypatch)


def test_a_file_that_was_removed_before_the_database_was_copied_is_left_out(house: House) -> None:
    waiting, over = house.item(QueueState.PREPARED), house.item(QueueState.DELIVERED)
    made = house.backup(before=house.purge)
    assert QueueItem.objects.get(id=over.id).purged_at
    assert made.files == 1 and house.kept(waiting)


def test_a_file_that_the_copied_database_counts_on_stays(house: House) -> None:
    waiting, over = house.item(QueueState.PREPARED), house.item(QueueState.DELIVERED)
    house.backup(after=house.purge)
    assert not house.spool.path(over.id).exists()
    assert house.kept(waiting) and house.kept(over)


def test_what_lies_in_quarantine_is_in_the_backup_unless_it_goes_meanwhile(house: House, tmp_path: Path) -> None:
    item = house.item(QueueState.PREPARED)
    stays, goes = received(house.spool).id, received(house.spool).id
    for identifier in (stays, goes):
        set_aside_committed(house.spool, identifier)
    house.backup(before=quarantined(house.spool, goes).unlink)
    there = [path.name for path in (tmp_path / "backup/spool/quarantine").iterdir()]
    assert there == [quarantined(house.spool, stays).name]
    assert house.kept(item)


def test_a_backup_of_a_spool_that_went_away_is_none(house: House, tmp_path: Path) -> None:
    house.item(QueueState.PREPARED)

    def unmounted() -> None:
        house.spool.root.rename(tmp_path / "away")
        house.spool.root.mkdir()

    with pytest.raises(BackupProblem, match="the spool went away meanwhile"):
        house.backup(before=unmounted)
    assert not (tmp_path / "backup/MANIFEST.json").exists()


def test_audit_records_that_wait_for_the_database_are_in_the_backup_whatever_becomes_of_them_meanwhile(
    house: House,
) -> None:
    waiting = data_folder() / "audit-waiting.jsonl"
    waiting.write_text('{"actor": "olga"}\n')
    house.backup(after=lambda: waiting.write_text(""))
    saved = waiting.parent.parent / "backup" / waiting.name
    assert saved.read_text() == '{"actor": "olga"}\n'
    assert waiting.name in (saved.parent / "SHA256SUMS").read_text()

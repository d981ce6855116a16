"""Nothing starts on a database that a newer version has used, and nothing but a listener on that of an older one."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from routing.database import database_file
from routing.database.database_file import DatabaseInDanger, damage, look, not_up_to_date
from routing.engine.receiving import process as listening
from routing.processes.supervisor import Supervisor
from tests.builders import node

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    """Without images: those of other tests would be found to have lost their database."""
    settings.CAPACITOR = replace(settings.CAPACITOR, data_dir=tmp_path)


@pytest.fixture
def kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection of the test stays, on which what it has changed is seen."""
    monkeypatch.setattr(connection, "close", lambda: None)


@pytest.fixture
def older(kept_open: None) -> None:
    MigrationRecorder(connection).record_unapplied("scripts_app", "0003_draft_key")


def test_a_database_of_a_newer_version_is_refused_by_what_is_not_known():
    node("PACS")
    look()
    MigrationRecorder(connection).record_applied("routing", "0999_of_tomorrow")
    # Other apps are libraries, whose versions this program does not decide on.
    MigrationRecorder(connection).record_applied("axes", "0999_of_tomorrow")
    with pytest.raises(DatabaseInDanger, match=r"a newer version of the router \(routing\.0999_of_tomorrow is not"):
        look()


def test_of_a_damaged_database_is_said_what_is_wrong(tmp_path):
    """It said ``*** in database main ***``."""
    path = tmp_path / "capacitor.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE one (a); INSERT INTO one VALUES (zeroblob(20000)); VACUUM")
    content = bytearray(path.read_bytes())
    # The first page of the table; that of the schema stays.
    content[4096:8192] = bytes(4096)
    path.write_bytes(content)
    assert damage(path).startswith("Page 2: ")


def test_the_database_of_an_older_version_is_told_with_what_to_do(kept_open):
    assert not_up_to_date() == ""
    MigrationRecorder(connection).record_unapplied("scripts_app", "0003_draft_key")
    assert "older version of the router, or has no tables yet (scripts_app.0003_draft_key missing)" in not_up_to_date()
    MigrationRecorder(connection).record_unapplied("scripts_app", "0002_samples")
    assert "(scripts_app.0002_samples and 1 more missing)" in not_up_to_date()


@pytest.mark.parametrize("command", ["up", "queue_worker"])
@pytest.mark.usefixtures("older")
def test_neither_the_router_nor_a_worker_starts_on_the_database_of_an_older_version(command, monkeypatch):
    """A worker logged an error every two seconds that named a column, and prepared nothing."""
    monkeypatch.setattr(Supervisor, "run", lambda self: pytest.fail("it was started"))
    with pytest.raises(CommandError, match=r"older version .*\./run install, or manage\.py migrate"):
        call_command(command)


@pytest.mark.usefixtures("older")
def test_a_listener_says_so_and_receives(monkeypatch, capsys):
    started = []
    monkeypatch.setattr(listening, "run", lambda port, **_: started.append(port))
    call_command("dicom_listener", "--port", "0")
    assert started == [0]
    assert "Until then received images wait in the spool." in capsys.readouterr().err


def test_a_database_that_is_away_keeps_nobody_from_starting(kept_open, monkeypatch):
    def away() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(database_file, "not_up_to_date", away)
    database_file.look_where_it_answers()

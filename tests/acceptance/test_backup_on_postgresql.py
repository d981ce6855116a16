"""Backup, restore and recovery once more, with PostgreSQL behind the router."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.router import Router
from tests.acceptance.test_backup_and_recovery import KILLED_BEHIND_THE_DATABASE
from tests.postgresql import Cluster, cluster

pytestmark = pytest.mark.integration

RECEIVE = """
from routing.core.identifiers import Identifiers
from routing.engine.housekeeping.adopt import adopt
from routing.engine.directory import Directory
from routing.queue.spool import open_spool
from routing.models import Node
from tests.builders import received
Node.objects.create(ae_title="PACS")
spool, new_id = open_spool(), Identifiers(tag=4)
for number in range(5):
    received(spool, identifier=new_id())
adopt(spool, Directory("CAPACITOR", "DCP_"), since=None)
"""


@pytest.fixture
def server() -> Iterator[Cluster]:
    pytest.importorskip("psycopg", reason="the optional dependency postgres is not installed")
    if shutil.which("pg_dump") is None:
        pytest.skip("pg_dump is not installed (Debian: apt-get install postgresql-client)")
    with cluster() as made:
        yield made


def ask(server: Cluster, database: str, statement: str) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(f"host={server.folder} user=capacitor dbname={database}", autocommit=True) as connection:
        asked = connection.execute(statement)
        return asked.fetchall() if asked.description else []


def url(server: Cluster, database: str) -> str:
    return f"postgres://capacitor@/{database}?host={server.folder}"


def test_a_backup_of_postgresql_is_restored_into_an_empty_database_and_the_queue_recovered_from_it(
    make_router: Any, server: Cluster, tmp_path: Any
) -> None:
    rows = "SELECT id, state, destination_ae_title, checksum FROM routing_queueitem ORDER BY id"
    for name in ("one", "two", "three"):
        ask(server, "postgres", f"CREATE DATABASE {name}")
    here: Router = make_router(DATABASE_URL=url(server, "one"))
    here.manage("migrate", "--noinput")
    here.manage("shell", "-c", RECEIVE)
    before = ask(server, "one", rows)
    assert len(before) == 5
    done = here.manage("backup", str(tmp_path / "backup"), check=False)
    assert not done.returncode, done.stderr
    assert (tmp_path / "backup/database.pgdump").stat().st_size

    there: Router = make_router(DATABASE_URL=url(server, "two"))
    done = there.manage("restore", str(tmp_path / "backup"), check=False)
    assert not done.returncode, done.stderr
    assert ask(server, "two", rows) == before
    assert len(list((there.data / "spool").rglob("*.dcm"))) == 5
    refused = there.manage("restore", str(tmp_path / "backup"), check=False)
    assert refused.returncode and "nothing is overwritten" in refused.stderr

    for number in (4, 5):
        ask(server, "postgres", f"CREATE DATABASE paused_{number}")
    killed: Router = make_router(DATABASE_URL=url(server, "paused_4"))
    done = killed.manage("shell", "-c", KILLED_BEHIND_THE_DATABASE.format(tmp_path / "backup"), check=False)
    assert done.returncode == 9, done.stderr
    assert ask(server, "paused_4", rows) == before
    assert ask(server, "paused_4", "SELECT paused FROM routing_node") == [(True,)]
    # What cannot all be loaded leaves nothing.
    ask(server, "paused_5", "CREATE FUNCTION no() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION "
        "''no index here''; END'; CREATE EVENT TRIGGER no ON ddl_command_end WHEN TAG IN ('CREATE INDEX')"
        " EXECUTE FUNCTION no()")  # fmt: skip
    full: Router = make_router(DATABASE_URL=url(server, "paused_5"))
    refused = full.manage("restore", "--pause", str(tmp_path / "backup"), check=False)
    assert refused.returncode and "psql failed" in refused.stderr and "no index here" in refused.stderr
    assert ask(server, "paused_5", "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'routing%'") == [(0,)]

    # The server has lost the database; the spool is still there, and one image more.
    here.manage(
        "shell", "-c", RECEIVE.replace("Node.objects.create", "Node.objects.get").replace("range(5)", "range(1)")
    )
    here.environment["DATABASE_URL"] = url(server, "three")
    refused = here.manage("up", check=False)
    assert refused.returncode and "the spool holds images: was it lost?" in refused.stderr
    done = here.manage("recover", check=False)
    assert not done.returncode, done.stderr
    assert "1 files of the spool have rows again" in done.stdout
    assert ask(server, "three", rows)[:5] == before

    other: Router = make_router()
    refused = other.manage("restore", str(tmp_path / "backup"), check=False)
    assert refused.returncode and "the backup is of PostgreSQL; DATABASE_URL here means SQLite" in refused.stderr

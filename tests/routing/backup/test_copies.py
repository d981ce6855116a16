"""Copies with sums: durable, never over something, and what has changed since is named."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import environ
import pytest
from django.conf import settings

from routing.backup import database
from routing.backup.copies import BackupProblem, copy, differing, read_sums, sum_of, write_sums
from routing.backup.kept import keep_configuration
from routing.database.database_file import damage
from routing.models import Node
from tests.builders import node


def test_a_copy_has_the_sum_of_its_source_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 9000)
    target = tmp_path / "deep" / "target"
    assert copy(source, target) == sum_of(source) == sum_of(target)
    assert target.stat().st_mode & 0o077 == 0
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    with pytest.raises(FileExistsError):
        copy(source, target)
    with pytest.raises(FileNotFoundError):
        copy(tmp_path / "none", tmp_path / "other")


def test_a_damaged_schema_is_told_also_where_it_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "database.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE abcdef (x)")
    assert damage(path) == ""
    path.write_bytes(path.read_bytes().replace(b"TABLE abcdef", b"TABEL abcdef").replace(b"abcdef", b"\x85" * 6))
    assert damage(path) == "its schema is not text"


def test_files_that_changed_or_went_away_are_named(tmp_path: Path) -> None:
    for name in ("same", "changed", "gone"):
        (tmp_path / name).write_text(name)
    sums = {name: sum_of(tmp_path / name) for name in ("same", "changed", "gone")}
    write_sums(tmp_path, sums)
    assert read_sums(tmp_path) == sums
    (tmp_path / "changed").write_text("Changed")
    (tmp_path / "gone").unlink()
    told = ["changed is not the file that was backed up", "gone is missing"]
    assert list(differing(tmp_path, read_sums(tmp_path))) == told


@pytest.mark.parametrize("line", [f"{'0' * 64}  ../x", f"{'0' * 64}  /etc/x", "short  x", f"{'0' * 64} x"])
def test_a_list_of_sums_that_leads_elsewhere_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  a\n{line}\n")
    with pytest.raises(BackupProblem, match="line 2: no sum of a file of this backup"):
        read_sums(tmp_path)


def test_damage_is_told_in_the_words_of_the_database_and_a_new_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite3"
    path.touch()
    assert damage(path) == ""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        database.executemany("INSERT INTO t VALUES (?, ?)", ((number, "x" * 500) for number in range(1000)))
    database.close()
    assert damage(path) == damage(path, whole=True) == ""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = bytes(4096)
    path.write_bytes(content)
    assert damage(path)
    path.write_text("no database at all " * 100)
    assert damage(path) == "file is not a database"


def test_pg_dump_trusts_the_server_that_the_router_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, said = tmp_path / "pg_dump", tmp_path / "said"
    program.write_text(f"#!/bin/sh\nenv > {said}\n")
    program.chmod(0o700)
    url = "postgres://router@db.example/queue?sslmode=verify-full&sslrootcert=/etc/ca.pem&passfile=/etc/pass"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(database, "connection", SimpleNamespace(vendor="postgresql", settings_dict=server(url)))
    monkeypatch.setattr(database, "sqlite_file", lambda: None)
    database.dump(tmp_path / "database.pgdump")
    told = set(said.read_text().splitlines())
    assert {"PGHOST=db.example", "PGUSER=router", "PGDATABASE=queue"} <= told
    assert {"PGSSLMODE=verify-full", "PGSSLROOTCERT=/etc/ca.pem", "PGPASSFILE=/etc/pass"} <= told


def server(url: str) -> dict[str, Any]:
    """Django's setting of a database, as its connection has it."""
    return {"OPTIONS": {}, **environ.Env.db_url_config(url)}


@pytest.mark.django_db
def test_the_kept_configuration_follows_the_nodes_and_outlives_their_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path)
    monkeypatch.setattr(settings, "CAPACITOR", changed)
    kept = tmp_path / "configuration/nodes.yml"
    keep_configuration()
    assert not kept.exists()
    node("PACS")
    keep_configuration()
    assert "AeTitle: PACS" in kept.read_text()
    Node.objects.all().delete()
    keep_configuration()
    assert "AeTitle: PACS" in kept.read_text()

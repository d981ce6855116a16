"""The whole database in one file, as of one moment, taken while others write; and back into an empty one."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO, cast

from django.db import connection

from routing.backup.copies import BackupProblem
from routing.database.database_file import damage, is_new, sqlite_file
from routing.processes.application_log import first_line
from routing.spool.write_out import sync_file

SQLITE, POSTGRESQL = "capacitor.sqlite3", "database.pgdump"
_DUMP_SECONDS = 24 * 3600
_PAUSE_ALL = b"""
DO $$ BEGIN EXECUTE (
    SELECT pg_catalog.format('UPDATE %s SET paused = true', c.oid::pg_catalog.regclass)
    FROM pg_catalog.pg_class c WHERE c.relname = 'routing_node' AND c.relkind = 'r' ORDER BY c.oid DESC LIMIT 1
); END $$;
COMMIT;
"""
"""The statements of a dump leave no search path behind them; another schema may have such a table, an older one."""
_OPTIONS = {
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "sslcert": "PGSSLCERT",
    "sslcrl": "PGSSLCRL",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""
Options of DATABASE_URL by which libpq finds its server and trusts it, as variables (PostgreSQL's manual, 34.15).

Without them pg_dump would take any server for the right one, and give it the password.
"""


def dump_name() -> str:
    """How the file is called in a backup; it also tells which kind of database it is of."""
    return POSTGRESQL if sqlite_file() is None else SQLITE


def can_dump() -> None:
    """BackupProblem when this machine has no means to."""
    if sqlite_file() is None:
        _program("pg_dump")


def dump(target: Path) -> None:
    """
    Write the database into a new file.

    SQLite's backup interface and pg_dump both read as of one moment and hold up
    no writer.
    """
    source = sqlite_file()
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if source is None:
        _run("pg_dump", "--format=custom", "--no-owner", "--file", str(target))
        return
    try:
        live = sqlite3.connect(f"file:{source}?mode=rw", uri=True, timeout=60)
        with closing(live), closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            # One file for good: a journal beside it would be forgotten by whoever moves it.
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        raise BackupProblem(f"the database cannot be copied: {first_line(error)}") from error
    if what := damage(target, whole=True):
        raise BackupProblem(f"the database is damaged: {what.splitlines()[0]}")


def load(source: Path, *, pause: bool = False) -> None:
    """
    Fill this installation's database, which has no tables yet, from such a file.

    With ``pause`` there is no moment at which it holds a node that is not
    paused, whenever this is killed: a service might be started after that.

    BackupProblem when it is of another kind, damaged, or the database is not empty.
    """
    target = sqlite_file()
    if source.name != dump_name():
        kinds = {SQLITE: "SQLite", POSTGRESQL: "PostgreSQL"}
        raise BackupProblem(f"the backup is of {kinds[source.name]}; DATABASE_URL here means {kinds[dump_name()]}")
    if not is_new():
        raise BackupProblem(
            "the database has tables already; a backup is restored into an empty one: empty it, or name another"
        )
    connection.close()
    if target is None:
        if pause:
            _restore_paused(source)
        else:
            whole = ("--no-owner", "--exit-on-error", "--single-transaction")
            _run("pg_restore", *whole, "--dbname", _name(), str(source))
        return
    if what := damage(source, whole=True):
        raise BackupProblem(f"the database of the backup is damaged: {what.splitlines()[0]}")
    for journal in (target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-shm")):
        journal.unlink(missing_ok=True)
    draft = target.with_name(f".{target.name}.restored")
    shutil.copyfile(source, draft)
    if pause:
        with closing(sqlite3.connect(draft)) as copy:
            copy.execute("UPDATE routing_node SET paused = 1")
            copy.commit()
    draft.chmod(0o600)
    sync_file(draft)
    draft.rename(target)


def _restore_paused(source: Path) -> None:
    """pg_restore can do nothing else in its transaction, so its statements go to psql, which can."""
    quiet = ("--no-psqlrc", "--quiet", "--output", os.devnull, "--set", "ON_ERROR_STOP=1")
    reading = [_program("pg_restore"), "--no-owner", "--exit-on-error", "--file", "-", str(source)]
    writing = [_program("psql"), *quiet, "--dbname", _name()]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(writing, env=_environment(), stdin=subprocess.PIPE, stderr=errors) as psql,
        subprocess.Popen(reading, env=_environment(), stdout=subprocess.PIPE, stderr=errors) as statements,
    ):
        into, read = cast(IO[bytes], psql.stdin), cast(IO[bytes], statements.stdout)
        # A server or psql that has gone breaks the pipe; why, it has said itself.
        with contextlib.suppress(BrokenPipeError), into:
            into.write(b"BEGIN;\n")
            shutil.copyfileobj(read, into)
            # Where the statements end too soon, so does the connection, and nothing of it counts.
            if statements.wait() == 0:
                into.write(_PAUSE_ALL)
        read.close()
        failed = [name for name, done in (("pg_restore", statements), ("psql", psql)) if done.wait()]
        errors.seek(0)
        said = (errors.read().strip().splitlines() or ["no reason was given"])[0]
    if failed:
        raise BackupProblem(f"{' and '.join(failed)} failed: {said}")


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _program(name: str) -> str:
    found = shutil.which(name) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    if found is None:
        raise BackupProblem(
            f"{name} is not installed, and PostgreSQL is saved and restored by it alone (Debian: "
            "apt-get install postgresql-client)"
        )
    return found


def _run(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [_program(name), *arguments], env=_environment(), capture_output=True, text=True, timeout=_DUMP_SECONDS
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason was given"])[0]
        raise BackupProblem(f"{name} failed: {said}")


def _environment() -> dict[str, str]:
    """How libpq finds the server of DATABASE_URL."""
    settings = connection.settings_dict
    # By the environment, not by arguments: everybody on the machine sees those, the password too.
    values = {
        **{_OPTIONS[name]: value for name, value in settings["OPTIONS"].items() if name in _OPTIONS},
        "PGHOST": settings["HOST"] or settings["OPTIONS"].get("host", ""),
        "PGPORT": settings["PORT"],
        "PGUSER": settings["USER"],
        "PGPASSWORD": settings["PASSWORD"],
        "PGDATABASE": settings["NAME"],
    }
    return {**os.environ, **{key: str(value) for key, value in values.items() if value}}

"""Is the database damaged, lost while images wait in the spool, newer or older than this?  Asked before a start."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from routing.database.full_disk import is_full
from routing.folders import spool_folder
from routing.models import Node, QueueItem

_UNREADABLE = frozenset({"SQLITE_IOERR", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS"})
_CHECKED_WHOLE = 256 << 20
"""Bytes of a database up to which each of its pages is read at a start, which takes a second or two."""
RECOVERY = (
    "The images in the spool are safe. Stop everything, then run manage.py recover"
    " (docs/manual/backup-and-recovery.md says what it does)"
)


class DatabaseInDanger(Exception):
    """Nothing may start on this database; the text says why and what to do."""


class NoRoom(DatabaseInDanger):
    """Nothing is wrong with the database, but it cannot even be read: beside it is no room for its journal."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the disk of {path} is full, and SQLite needs some room there to open it. Nothing is damaged:"
            " make room, then start again"
        )


class Outdated(DatabaseInDanger):
    """Nothing is wrong with the database, but this version's tables are not in it yet."""


def sqlite_file() -> Path | None:
    """The file of the database; None where a server keeps it."""
    if connection.vendor != "sqlite":
        return None
    return Path(settings.DATABASES["default"]["NAME"])


def damage(path: Path, *, whole: bool = False) -> str:
    """
    What is wrong with an SQLite file, in SQLite's words; empty when nothing is.

    Of a very large file only the schema is read, unless ``whole``.  A file of
    no bytes is no damaged one: it has no tables yet.  NoRoom when the disk is too full to tell.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=30)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if whole or path.stat().st_size <= _CHECKED_WHOLE:
                (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
                # Above what is wrong stands in which database, which helps nobody.
                return "" if verdict == "ok" else str(verdict).removeprefix("*** in database main ***\n")
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "")
        if is_full(error):
            raise NoRoom(path) from error
        # Away, locked or not to be written is not damaged; whoever uses it will say so.
        return str(error) if name in _UNREADABLE else ""
    except sqlite3.DatabaseError as error:
        return str(error)
    except UnicodeDecodeError:
        # What SQLite says quotes what it has found there.
        return "its schema is not text"
    return ""


def is_new() -> bool:
    """Whether the database has no tables yet."""
    return not connection.introspection.table_names()


def is_empty() -> bool:
    """
    Whether the database has no tables, or knows neither a node nor an item.

    Tables alone tell nothing: whoever has lost a database may run ``migrate``,
    and a recovery that stops half-way leaves them.
    """
    tables = {Node._meta.db_table, QueueItem._meta.db_table}
    if not tables.issubset(connection.introspection.table_names()):
        return True
    return not (Node.objects.exists() or QueueItem.objects.exists())


def spool_has_images(spool: Path) -> bool:
    return next(spool.glob("[0-9]*/[0-9]*/*.dcm"), None) is not None


def look() -> None:
    """
    DatabaseInDanger when the database is damaged, or empty although images wait; NoRoom on a full disk.

    To start on an empty database would take the images in for nodes that it
    does not know, and show them all as failed.  An older version on a newer
    database would leave out what it does not know of.
    """
    path = sqlite_file()
    what = damage(path) if path is not None and path.exists() else ""
    if what:
        raise DatabaseInDanger(f"the database {path and path.name} is damaged ({what.splitlines()[0]}). {RECOVERY}")
    if is_empty() and spool_has_images(spool_folder()):
        raise DatabaseInDanger(f"the database is empty, but the spool holds images: was it lost? {RECOVERY}")
    if ahead := _migrations_of_a_newer_version():
        raise DatabaseInDanger(
            f"the database has been used by a newer version of the router ({', '.join(ahead)} is not known here)."
            " Start that version, or restore a backup from before the upgrade with this one"
        )


def _migrations_of_a_newer_version() -> list[str]:
    ours = {"routing", "scripts_app"}
    known = MigrationLoader(None).disk_migrations
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app}.{name}" for app, name in sorted(applied) if app in ours and (app, name) not in known]


def not_up_to_date() -> str:
    """What is missing of this version's tables, and what to do, in a sentence; empty when nothing is."""
    executor = MigrationExecutor(connection)
    missing = [f"{one.app_label}.{one.name}" for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if not missing:
        return ""
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return (
        f"the database is that of an older version of the router, or has no tables yet ({missing[0]}{more} missing)."
        " Bring it up to date: ./run install, or manage.py migrate as the router's user"
    )


def look_where_it_answers() -> None:
    """
    As ``look``, but one that is away, busy or without room is no danger: a listener receives without it.

    To be older than this version is one, too.
    """
    try:
        look()
        if why := not_up_to_date():
            raise Outdated(why)
    except (DatabaseProblem, NoRoom):
        return
    finally:
        # Children of a worker are forked after this; a connection must not be shared.
        connection.close()

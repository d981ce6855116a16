"""SQLite as the processes that write for each image want it: less of one and the same work for the disk."""

from typing import Any

from django.db.backends.signals import connection_created
from django.db.backends.sqlite3.base import DatabaseWrapper

ROLES = frozenset({"rows", "prepare", "deliver"})
_CHECKPOINT_PAGES = 4000
_PRAGMAS = (
    # A statement for many rows, or a savepoint, keeps each page as it was before: from 64 KiB on in a file in the
    # system's folder for temporary ones, 46 KB of patient data in 23 calls for an image with edits.
    "PRAGMA temp_store = MEMORY",
    # A page that is written again before the next checkpoint is copied into the database once. 16 MB instead of 4.
    f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}",
)


def tune(role: str) -> None:
    """
    From the next connection of this process on; PostgreSQL, and the other roles, stay as they are.

    Their queries sort whole tables, which memory need not hold.
    """
    if role in ROLES:
        connection_created.connect(_tune, sender=DatabaseWrapper)


def _tune(connection: Any, **_: Any) -> None:
    with connection.cursor() as cursor:
        for pragma in _PRAGMAS:
            cursor.execute(pragma)

"""
SQLite for the processes that write for each image: no temporary files.

A statement for many rows, or a savepoint, keeps each page as it was before, from
64 KiB on in a file in the system's folder for temporary ones: 23 calls and 46 KB,
patient data among them, for an image with edits.
"""

from typing import Any

from django.db.backends.signals import connection_created
from django.db.backends.sqlite3.base import DatabaseWrapper

ROLES = frozenset({"rows", "prepare", "deliver"})


def tune(role: str) -> None:
    """
    From the next connection of this process on; PostgreSQL, and the other roles, stay as they are.

    Their queries sort whole tables, which memory need not hold.
    """
    if role in ROLES:
        connection_created.connect(_tune, sender=DatabaseWrapper)


def _tune(connection: Any, **_: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA temp_store = MEMORY")

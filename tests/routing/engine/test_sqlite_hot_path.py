"""What the connections of the hot path are told, and those of others are not."""

from collections.abc import Iterator

import pytest
from django.db import connection, connections
from django.db.backends.signals import connection_created

from routing.engine import sqlite_hot_path
from routing.engine.sqlite_hot_path import tune


@pytest.fixture(autouse=True)
def untuned() -> Iterator[None]:
    """Another test of this process may have been a process that tunes."""
    connection_created.disconnect(sqlite_hot_path._tune, sender=sqlite_hot_path.DatabaseWrapper)
    yield
    connection_created.disconnect(sqlite_hot_path._tune, sender=sqlite_hot_path.DatabaseWrapper)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps no such journals")
@pytest.mark.django_db
@pytest.mark.parametrize(("role", "store"), [("prepare", 2), ("rows", 2), ("housekeep", 0)])
def test_only_who_writes_for_each_image_keeps_journals_of_statements_in_memory(role: str, store: int) -> None:
    tune(role)
    fresh = connections.create_connection("default")
    try:
        with fresh.cursor() as cursor:
            assert cursor.execute("PRAGMA temp_store").fetchone()[0] == store
    finally:
        fresh.close()

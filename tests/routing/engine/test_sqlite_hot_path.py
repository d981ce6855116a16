"""What the connections of the hot path are told, and those of others are not."""

from typing import Any

import pytest
from django.db import connections
from django.db.backends.signals import connection_created

from routing.engine import sqlite_hot_path
from routing.engine.sqlite_hot_path import tune


@pytest.fixture(autouse=True)
def untuned() -> Any:
    yield
    connection_created.disconnect(sqlite_hot_path._tune, sender=sqlite_hot_path.DatabaseWrapper)


def asked(*pragmas: str) -> list[Any]:
    """Their values for a connection that is made now."""
    fresh = connections.create_connection("default")
    try:
        with fresh.cursor() as cursor:
            return [cursor.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas]
    finally:
        fresh.close()


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "values"), [("prepare", [2, 4000]), ("rows", [2, 4000]), ("housekeep", [0, 1000])])
def test_only_who_writes_for_each_image_keeps_journals_of_statements_in_memory(role: str, values: list[int]) -> None:
    tune(role)
    assert asked("temp_store", "wal_autocheckpoint") == values

"""Many rows in one statement, for the hot path: bulk_create without the model instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

_MOST_PARAMETERS = 30000
"""SQLite takes 32766 in one statement, PostgreSQL 65535."""


@cache
def _columns(model: type[models.Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}


def column_value(field: Any, value: Any) -> Any:
    """
    What a statement gets for a value; texts are cut to their column.

    They come from senders and scripts: one that a database refuses (too long,
    with NUL or half a surrogate pair) would hold up everything written with it.
    """
    return field.get_db_prep_save(_storable(value, field.max_length), connection)


def _storable(value: Any, longest: int | None = None) -> Any:
    if isinstance(value, str):
        if not value.isascii():
            value = value.encode(errors="replace").decode()
        return value.replace("\0", "")[:longest]
    # What a JSON column keeps: the same texts, further down.
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value


def insert(model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, unless_there: bool = False) -> set[Any]:
    """
    Insert rows that all have the same attribute names; returns their primary keys.

    With ``unless_there`` a row whose key exists is left as it is, and its key is
    not among those returned.  Texts are cut to their columns.  Run it inside a
    transaction: many rows take several statements.
    """
    if not rows:
        return set()
    fields = _columns(model)
    names = list(rows[0])
    key = model._meta.pk.column
    head = f"INSERT INTO {model._meta.db_table} ({', '.join(fields[name].column for name in names)}) VALUES "  # noqa: S608
    tail = f"{f' ON CONFLICT ({key}) DO NOTHING' if unless_there else ''} RETURNING {key}"
    one = f"({', '.join(['%s'] * len(names))})"
    at_once = max(1, _MOST_PARAMETERS // len(names))
    inserted: set[Any] = set()
    with connection.cursor() as cursor:
        for at in range(0, len(rows), at_once):
            part = rows[at : at + at_once]
            values = [column_value(fields[name], row[name]) for row in part for name in names]
            cursor.execute(f"{head}{', '.join([one] * len(part))}{tail}", values)
            inserted.update(row[0] for row in cursor.fetchall())
    return inserted

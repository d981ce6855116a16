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


def _prepared(field: Any, value: Any) -> Any:
    # Texts come from senders: longer than the column, or with NUL, they would be an error in PostgreSQL.
    if isinstance(value, str) and field.max_length is not None:
        value = value.replace("\0", "")[: field.max_length]
    return field.get_db_prep_save(value, connection)


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
            values = [_prepared(fields[name], row[name]) for row in part for name in names]
            cursor.execute(f"{head}{', '.join([one] * len(part))}{tail}", values)
            inserted.update(row[0] for row in cursor.fetchall())
    return inserted

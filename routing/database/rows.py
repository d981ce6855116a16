"""Many rows at once, for the hot path: bulk_create without the model instances."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import Any

from django.db import connection, models, transaction

_AT_ONCE = (64, 8, 1)
"""Rows of one statement that tells what it did."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column in a statement."""

    name: str
    value: Callable[[Any], Any]
    """
    What the statement gets for a value; texts are cut to their column.

    They come from senders and scripts: one that a database refuses (too long,
    with NUL or half a surrogate pair) would hold up everything written with it.
    """


@cache
def columns(model: type[models.Model]) -> Mapping[str, Column]:
    """The columns of a table by attribute name."""
    fields: Sequence[Any] = model._meta.concrete_fields
    return {field.attname: Column(field.column, _adapted_to(field)) for field in fields}


def insert(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """
    Insert rows that all have the same attribute names: all of them or, with an error, none.

    Texts are cut to their columns.
    """
    if not rows:
        return
    into = {name: columns(model)[name] for name in rows[0]}
    values = [[column.value(row[name]) for name, column in into.items()] for row in rows]
    # One short statement for any number: SQLite keeps what it has prepared, and one for each number took 10 MB.
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.executemany(f"{_head(model, into)} {_one(into)}", values)


def insert_missing(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> set[Any]:
    """
    The same, but a row whose key exists is left as it is; returns the primary keys of those inserted.
    """
    if not rows:
        return set()
    into = {name: columns(model)[name] for name in rows[0]}
    key = model._meta.pk.column
    tail = f"ON CONFLICT ({key}) DO NOTHING RETURNING {key}"
    inserted: set[Any] = set()
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        at = 0
        while at < len(rows):
            # So few lengths that their statements stay prepared.
            length = next(length for length in _AT_ONCE if at + length <= len(rows))
            values = [column.value(row[name]) for row in rows[at : at + length] for name, column in into.items()]
            cursor.execute(f"{_head(model, into)} {', '.join([_one(into)] * length)} {tail}", values)
            inserted.update(row[0] for row in cursor.fetchall())
            at += length
    return inserted


def _head(model: type[models.Model], into: Mapping[str, Column]) -> str:
    return f"INSERT INTO {model._meta.db_table} ({', '.join(column.name for column in into.values())}) VALUES"


def _one(into: Mapping[str, Column]) -> str:
    return f"({', '.join(['%s'] * len(into))})"


def _adapted_to(field: Any) -> Callable[[Any], Any]:
    """Django's own conversion asks the field many questions for each value; most have one answer for a column."""
    match field:
        case models.JSONField():
            return _json
        case models.CharField() | models.TextField():
            return partial(_text, longest=field.max_length)
        case models.DateTimeField():
            return _moment
        case models.IntegerField() | models.FloatField() | models.BooleanField() | models.ForeignKey():
            return lambda value: value
    return lambda value: field.get_db_prep_save(value, connection)


@lru_cache(64)
def _moment(moment: datetime | None) -> Any:
    # Most rows of a batch share their moments, and a process has one database.
    return connection.ops.adapt_datetimefield_value(moment)


def _text(value: str | None, longest: int | None) -> str | None:
    if value is None:
        return None
    if not value.isascii():
        value = value.encode(errors="replace").decode()
    return value.replace("\0", "")[:longest]


def _json(value: Any) -> str:
    text = json.dumps(value)
    # What no database keeps can only be behind an escape; looking for one costs less than going through all values.
    return json.dumps(_storable(value)) if "\\u" in text else text


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value, None)
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value

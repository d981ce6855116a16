"""The audit log is sealed while others write it, or the database tidies it: nobody has to wait for that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from routing.audit import chain as audit_chain
from routing.audit.chain import seal, verify
from routing.audit.log import audit
from routing.models import AuditRecord

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets nobody write beside a writer"),
]
TABLE = AuditRecord._meta.db_table


@contextlib.contextmanager
def somebody_else(statement: str) -> Iterator[Any]:
    """A connection that has begun with this and has not ended its transaction."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(statement)
        yield other
        other.commit()
    finally:
        other.close()


def one_record() -> str:
    return f"INSERT INTO {TABLE} (at, actor, action, object, detail) VALUES (now(), 'nora', 'retry', 'item 1', '{{}}')"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "_LONGEST_WAIT", 0.0)


def test_it_is_sealed_while_its_table_is_vacuumed_which_goes_on() -> None:
    audit("olga", "retry", "item 1")
    # What VACUUM and ANALYZE hold: one of the database's own accord is ended as soon as somebody waits for it.
    with somebody_else(f"LOCK TABLE {TABLE} IN SHARE UPDATE EXCLUSIVE MODE"):
        assert seal() == 1


def test_a_record_on_its_way_puts_the_seal_off_and_nobody_who_writes_another() -> None:
    with somebody_else(one_record()):
        audit("olga", "retry", "item 2")
        with pytest.raises(OperationalError, match=r"process \d+ of the database has written records"):
            seal()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1ms'")
            audit("olga", "retry", "item 3")
    assert seal() == 3
    assert verify().findings == ()


def test_who_begins_after_the_newest_record_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    audit("olga", "retry", "item 1")
    with somebody_else(one_record()) as first, contextlib.ExitStack() as later:

        def end_and_let_another_begin(_: float) -> None:
            first.commit()
            later.enter_context(somebody_else(one_record()))

        monkeypatch.setattr(audit_chain.time, "sleep", end_and_let_another_begin)
        monkeypatch.setattr(audit_chain, "_LONGEST_WAIT", 60.0)
        assert seal() == 1
    monkeypatch.undo()
    assert seal() == 2
    assert verify().findings == ()

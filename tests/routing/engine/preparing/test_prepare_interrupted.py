"""Preparing while leases, studies or the database are lost in the middle: nothing half-done stays."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, InternalError, OperationalError
from django.utils import timezone

from routing.engine.preparing import batch as batches
from routing.engine.preparing import prepare as preparing
from routing.models import (
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    Lane,
    PrepareReport,
    QueueItem,
    ScopedState,
)
from tests.builders import lua_entry, node
from tests.routing.engine.preparing.preparation import OWNER, Preparation, item, study_table

pytestmark = pytest.mark.django_db


@contextlib.contextmanager
def taken_over(identifier: int) -> Iterator[None]:
    """While scripts run another worker gets the item."""
    really = preparing.run_entries

    def slow(*arguments: Any, **named: Any) -> Any:
        QueueItem.objects.filter(id=identifier).update(lease_owner="host:2:other")
        return really(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "run_entries", slow)
        yield


def test_a_lost_lease_leaves_nothing_of_the_batch_behind(work: Preparation) -> None:
    node("AI")
    lua_entry("study.n = (study.n or 0) + 1 route:Add('AI') print('x') dataset:Set('PatientID', 'X')")
    first, second = work.image(), work.image()
    with taken_over(second):
        work.step()
    assert [item(i).state for i in (first, second)] == ["New", "New"]
    assert not ScopedState.objects.exists()
    assert not PrepareReport.objects.exists()
    assert not ItemLogLine.objects.exists()
    assert not AuditRecord.objects.exists()
    assert HistoryEntry.objects.filter(event="received").count() == HistoryEntry.objects.count() == 2
    work.step()
    assert (item(first).state, item(first).prepare_starts) == ("Prepared", 0)
    assert (item(second).state, item(second).lease_owner) == ("New", "host:2:other")
    assert study_table() == {"n": 1}


def test_a_lost_study_leaves_nothing_of_the_batch_behind(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    identifier = work.image()
    really = preparing.run_entries

    def slow(*arguments: Any, **named: Any) -> Any:
        Lane.objects.update(owner="host:2:other")
        return really(*arguments, **named)

    monkeypatch.setattr(preparing, "run_entries", slow)
    work.step()
    assert item(identifier).state == "New"
    assert not ScopedState.objects.exists()


def test_a_table_that_somebody_wrote_meanwhile_is_read_again(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    work.prepared()
    identifier = work.image()
    really = preparing.run_entries

    def slow(*arguments: Any, **named: Any) -> Any:
        outcome = really(*arguments, **named)
        ScopedState.objects.update(values={"n": 10}, version=7)
        return outcome

    with monkeypatch.context() as patched:
        patched.setattr(preparing, "run_entries", slow)
        work.step()
    assert item(identifier).state == "New"
    work.step()
    assert item(identifier).state == "Prepared"
    assert study_table() == {"n": 11}


class _ReadOnly(Exception):
    """As psycopg tells it."""

    sqlstate = "25006"


def refusal(kind: str) -> DatabaseError:
    if kind == "away":
        return OperationalError("database is locked")
    error = InternalError("cannot execute UPDATE in a read-only transaction")
    error.__cause__ = _ReadOnly()
    return error


@pytest.mark.parametrize("kind", ["away", "read-only"])
def test_a_database_that_goes_away_costs_no_item_a_try(work: Preparation, monkeypatch: Any, kind: str) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    items = [work.image() for _ in range(3)]

    def away(*_: Any, **__: Any) -> Any:
        raise refusal(kind)

    for _ in range(7):
        with monkeypatch.context() as patched:
            patched.setattr(batches, "record", away)
            with pytest.raises(type(refusal(kind))):
                work.step()
    assert work.step() == 3
    assert [item(i).state for i in items] == ["Prepared"] * 3
    assert study_table() == {"n": 3}


@pytest.mark.parametrize("kind", ["away", "read-only"])
def test_a_database_that_goes_away_under_a_script_fails_no_item(work: Preparation, monkeypatch: Any, kind: str) -> None:
    lua_entry("print(queue:total())")
    identifier = work.image()

    def away(*_: Any) -> int:
        raise refusal(kind)

    with monkeypatch.context() as patched:
        patched.setattr(preparing.QueueDatabaseFacts, "total", away)
        with pytest.raises(type(refusal(kind))):
            work.step()
    assert item(identifier).state == "New"
    work.step()
    assert item(identifier).state == "Prepared"


def test_a_lost_lease_that_shows_at_a_scripts_question_is_no_fault_of_the_script(work: Preparation) -> None:
    lua_entry("print(queue:total())")
    first, second = work.image(), work.image()
    with taken_over(first):
        work.step()
    assert [item(i).state for i in (first, second)] == ["New", "New"]
    assert not ItemLogLine.objects.exists()


def test_a_stop_leaves_the_rest_of_the_batch_untouched(tmp_path: Path) -> None:
    node("PACS")
    lua_entry("print('x')")
    told = iter([False, True, True, True])
    work = Preparation(tmp_path, stopping=lambda: next(told, True))
    items = [work.image() for _ in range(3)]
    work.step()
    assert [item(i).state for i in items] == ["Prepared", "New", "New"]
    assert [item(i).lease_owner for i in items] == ["", OWNER, OWNER]


def test_a_lease_outlasts_the_longest_script_and_is_renewed_between_images(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("print('x')")
    seconds = work.preparer._settings.limits.seconds
    for _ in range(3):
        work.image()
    leases = []
    renewed = []
    really = preparing.run_entries
    clock = iter(range(0, 10_000, 25))

    def watched(*arguments: Any, **named: Any) -> Any:
        leases.append(QueueItem.objects.filter(lease_owner=OWNER).first().lease_until - timezone.now())  # type: ignore
        return really(*arguments, **named)

    monkeypatch.setattr(preparing, "run_entries", watched)
    monkeypatch.setattr(preparing, "renew", lambda owner, lease: renewed.append((owner, lease)))
    monkeypatch.setattr(preparing.time, "monotonic", lambda: next(clock))
    work.step()
    assert min(leases) > timedelta(seconds=seconds + 50)
    assert renewed[0] == (OWNER, timedelta(seconds=60 + seconds))

"""The study and series tables of a batch: exact, or not written at all (D6)."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from routing.engine.preparing.state_book import StateBook, StateConflict
from routing.models import ScopedState

pytestmark = pytest.mark.django_db


def stored(uid: str = "1.2", scope: str = "study") -> ScopedState:
    return ScopedState.objects.get(scope=scope, uid=uid)


def kept(book: StateBook, **values: object) -> None:
    book.keep("study", "1.2", values)
    book.write()


def test_a_table_that_nobody_wrote_is_empty_and_makes_no_row() -> None:
    book = StateBook()
    assert book.load("study", "1.2") == {}
    book.write()
    assert not ScopedState.objects.exists()


def test_what_is_kept_is_there_at_once_and_in_the_database_after_writing() -> None:
    book = StateBook()
    book.keep("study", "1.2", {"n": 1})
    assert book.load("study", "1.2") == {"n": 1}
    assert not ScopedState.objects.exists()
    book.write()
    assert (stored().values, stored().version) == ({"n": 1}, 1)
    kept(book, n=2)
    assert (stored().values, stored().version) == ({"n": 2}, 2)
    assert StateBook().load("study", "1.2") == {"n": 2}


def test_study_and_series_of_one_uid_are_two_tables() -> None:
    book = StateBook()
    book.keep("study", "1.2", {"n": 1})
    book.keep("series", "1.2", {"n": 2})
    book.write()
    assert (stored().values, stored(scope="series").values) == ({"n": 1}, {"n": 2})


def test_who_changes_what_was_loaded_changes_nothing() -> None:
    book = StateBook()
    kept(book, inner={"n": 1})
    loaded = book.load("study", "1.2")
    loaded["inner"]["n"] = 7
    assert book.load("study", "1.2") == {"inner": {"n": 1}}


def test_a_table_that_another_worker_wrote_meanwhile_is_a_conflict_and_stays_as_that_one_left_it() -> None:
    mine, others = StateBook(), StateBook()
    kept(others, n=1)
    mine.load("study", "1.2")
    kept(others, n=2)
    mine.keep("study", "1.2", {"n": 99})
    with pytest.raises(StateConflict, match="written by another worker"), transaction.atomic():
        mine.write()
    assert stored().values == {"n": 2}


def test_a_table_that_another_worker_made_meanwhile_is_a_conflict() -> None:
    mine, others = StateBook(), StateBook()
    mine.load("study", "1.2")
    kept(others, n=1)
    mine.keep("study", "1.2", {"n": 99})
    with pytest.raises(StateConflict, match="made by another worker"), transaction.atomic():
        mine.write()
    assert stored().values == {"n": 1}


def test_values_that_the_database_refuses_are_no_conflict_for_that_would_be_tried_for_ever() -> None:
    book = StateBook()
    book.keep("study", "1.2", {"n": float("nan")})
    with pytest.raises(DatabaseError), transaction.atomic():
        book.write()


def test_a_closed_book_reads_anew() -> None:
    book = StateBook()
    book.keep("study", "1.2", {"n": 1})
    book.forget()
    assert book.load("study", "1.2") == {}
    book.write()
    assert not ScopedState.objects.exists()


@pytest.mark.parametrize(("hours", "values"), [(23, {"n": 1}), (25, {})])
def test_a_table_is_forgotten_after_24_hours_without_use(hours: float, values: dict[str, int]) -> None:
    kept(StateBook(), n=1)
    ScopedState.objects.update(used_at=timezone.now() - timedelta(hours=hours))
    book = StateBook()
    assert book.load("study", "1.2") == values
    kept(book, m=2)
    assert (stored().values, stored().version) == ({"m": 2}, 2)


@pytest.mark.parametrize(("minutes", "touched"), [(9, False), (11, True)])
def test_a_mere_look_keeps_a_table_alive(minutes: float, touched: bool) -> None:
    kept(StateBook(), n=1)
    before = timezone.now() - timedelta(minutes=minutes)
    ScopedState.objects.update(used_at=before)
    book = StateBook()
    book.load("study", "1.2")
    book.write()
    assert (stored().used_at > before) is touched
    assert stored().version == 1


def test_the_tables_of_a_study_and_of_a_series_are_two_also_under_the_same_uid() -> None:
    """Devices exist that give a series the UID of its study."""
    book = StateBook()
    for scope in ("study", "series"):
        book.keep(scope, "1.2", {"of": scope})
    book.write()
    assert [StateBook().load(scope, "1.2") for scope in ("study", "series")] == [{"of": "study"}, {"of": "series"}]

"""One question, many who ask."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from routing.database import short_lived
from routing.database.short_lived import ShortLived, forget_all


class Clock:
    def __init__(self, monkeypatch: Any) -> None:
        self.now = 100.0
        monkeypatch.setattr(short_lived.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: Any) -> Clock:
    return Clock(monkeypatch)


def test_an_answer_is_shared_for_its_time_and_then_found_out_again(clock: Clock) -> None:
    asked = itertools.count(1)
    answer = ShortLived(lambda: next(asked), 2.0)
    assert [answer(), answer()] == [1, 1]
    clock.now += 2.1
    assert answer() == 2


def test_an_answer_that_costs_much_is_kept_for_longer(clock: Clock) -> None:
    asked: list[int] = []

    def slow() -> int:
        clock.now += 0.5
        asked.append(1)
        return len(asked)

    answer = ShortLived(slow, 1.0)
    assert answer() == 1
    clock.now += 9.9
    assert answer() == 1
    clock.now += 0.2
    assert answer() == 2


def test_after_a_change_everything_is_asked_again(clock: Clock) -> None:
    asked = itertools.count(1)
    answer = ShortLived(lambda: next(asked))
    answer()
    forget_all()
    assert answer() == 2


def test_what_was_found_out_while_somebody_changed_it_is_not_kept(clock: Clock) -> None:
    told = iter(["before", "after"])

    def ask() -> str:
        found = next(told)
        if found == "before":
            # Behind the look at the table, and before its answer has come.
            forget_all()
        return found

    answer = ShortLived(ask)
    assert [answer(), answer()] == ["before", "after"]


def test_an_error_is_not_kept(clock: Clock) -> None:
    tries: Iterator[ValueError | int] = iter([ValueError("away"), 7])

    def ask() -> int:
        outcome = next(tries)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    answer = ShortLived(ask)
    with pytest.raises(ValueError, match="away"):
        answer()
    assert answer() == 7


def test_threads_that_ask_at_once_ask_once() -> None:
    gate, asked = threading.Event(), []

    def ask() -> int:
        asked.append(1)
        gate.wait(5)
        return 7

    answer = ShortLived(ask)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(answer())) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert answers == [7, 7, 7, 7]
    assert len(asked) == 1

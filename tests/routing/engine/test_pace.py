"""Turns: short ones in a thin stream, so that nobody waits, and long ones in a dense stream."""

from __future__ import annotations

import pytest

from routing.engine import pace
from routing.engine.pace import DENSE, GATHER, GATHER_MANY, Pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    return now


def turns(clock: list[float], rate: float, number: int) -> list[float]:
    """How long each turn lasts in a stream of so many images a second."""
    found, lengths, since = Pace(), [], clock[0]
    for _ in range(number):
        found.begin()
        found.found(round((clock[0] - since) * rate) or 1)
        since = clock[0]
        lengths.append(round(found.left, 3))
        clock[0] += found.left
    return lengths


def test_a_thin_stream_has_short_turns_for_ever(clock: list[float]) -> None:
    assert turns(clock, DENSE / 2, 9) == [GATHER] * 9


def test_a_dense_stream_soon_has_long_ones_and_keeps_them(clock: list[float]) -> None:
    assert turns(clock, DENSE * 2, 9) == [GATHER] + [GATHER_MANY] * 8


def test_a_stream_that_becomes_thin_has_short_turns_again(clock: list[float]) -> None:
    found = Pace()
    for images, expected in ((1, GATHER), (9, GATHER_MANY), (40, GATHER_MANY), (3, GATHER), (1, GATHER)):
        found.begin()
        found.found(images)
        assert found.left == pytest.approx(expected)
        clock[0] += found.left


def test_what_comes_after_a_rest_is_done_at_once(clock: list[float]) -> None:
    found = Pace()
    assert found.left == 0
    found.begin()
    found.found(50)
    clock[0] += 60
    assert found.left == 0
    found.begin()
    found.found(50)
    assert found.left == pytest.approx(GATHER), "fifty in a minute are no stream"

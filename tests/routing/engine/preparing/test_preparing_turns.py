"""The preparing process keeps the pace of the stream, and passes on that it has paused."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from routing.engine import pace
from routing.engine.pace import GATHER
from routing.engine.preparing.process import turns_of
from routing.processes.wakeup import Waker, Wakeup


class Steps:
    """What each step finds; ``during`` happens in the first."""

    alone = False

    def __init__(self, *found: int, during: Any = lambda: None) -> None:
        self._found, self._during = list(found), during

    def step(self) -> int:
        self._during()
        self._during = lambda: None
        return self._found.pop(0)


class Turns:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.prepare, self.deliver = Wakeup(folder, "prepare"), Wakeup(folder, "deliver")
        self.row_writer, self._waker = Waker(folder, "prepare"), Waker(folder, "deliver")
        self.rests: list[float] = []
        monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 100.0))
        monkeypatch.setattr(self.prepare, "rest", self._rest)

    def _rest(self, seconds: float) -> None:
        self.rests.append(round(seconds, 6))
        self.prepare.clear()

    def take(self, steps: Any, turns: int) -> list[str]:
        """Like the process does; tells of each turn whether it found work and whether the courier heard of the end."""
        turn, told = turns_of(steps, 4, self.prepare, self._waker), []
        for _ in range(turns):
            self.prepare.clear()
            worked = "work" if turn() else "nothing"
            self.deliver.clear()
            told.append(f"{worked}, the last" if self.deliver.was_last() else worked)
        return told

    def close(self) -> None:
        for end in (self.prepare, self.deliver, self.row_writer, self._waker):
            end.close()


@pytest.fixture
def turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Turns]:
    made = Turns(tmp_path, monkeypatch)
    yield made
    made.close()


def test_between_steps_of_a_stream_it_rests_and_after_a_full_one_it_does_not(turns: Turns) -> None:
    assert turns.take(Steps(1, 4, 0), 3) == ["work", "work", "nothing"]
    assert turns.rests == [GATHER]


def test_the_end_of_a_stream_is_passed_on_when_all_is_prepared(turns: Turns) -> None:
    turns.row_writer.wake(last=True)
    assert turns.take(Steps(4, 3, 0), 3) == ["work", "work, the last", "nothing"]
    assert turns.rests == []


def test_an_end_that_is_told_during_the_last_step_is_passed_on_though_nothing_more_is_found(turns: Turns) -> None:
    steps = Steps(3, 0, during=lambda: turns.row_writer.wake(last=True))
    assert turns.take(steps, 2) == ["work", "nothing, the last"]
    assert turns.rests == [GATHER]

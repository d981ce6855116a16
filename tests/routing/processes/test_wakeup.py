"""Nudges between processes: they arrive, they do not pile up, and nobody is hurt when nobody listens."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from routing.processes import wakeup as module
from routing.processes.stop_flag import StopFlag
from routing.processes.wakeup import Waker, Wakeup, wake


@pytest.fixture
def wakeup(tmp_path: Path) -> Iterator[Wakeup]:
    made = Wakeup(tmp_path / "run", "prepare")
    yield made
    made.close()


def test_a_nudge_ends_the_wait_and_is_used_up(wakeup: Wakeup, tmp_path: Path) -> None:
    assert not wakeup.wait(0)
    wake(tmp_path / "run", "prepare")
    wake(tmp_path / "run", "prepare")
    assert wakeup.wait(60)
    assert not wakeup.wait(0)


def test_a_nudge_is_for_one_role(wakeup: Wakeup, tmp_path: Path) -> None:
    wake(tmp_path / "run", "deliver")
    assert not wakeup.wait(0)


def test_what_came_before_looking_for_work_can_be_forgotten(wakeup: Wakeup, tmp_path: Path) -> None:
    wake(tmp_path / "run", "prepare")
    wakeup.clear()
    assert not wakeup.wait(0)


def test_that_no_more_work_comes_soon_is_told_once(wakeup: Wakeup, tmp_path: Path) -> None:
    waker = Waker(tmp_path / "run", "prepare")
    waker.wake(last=True)
    waker.wake()
    assert not wakeup.was_last()
    wakeup.clear()
    assert wakeup.was_last()
    assert not wakeup.was_last()
    waker.wake()
    assert wakeup.wait(60)
    assert not wakeup.was_last()
    waker.wake(last=True)
    assert wakeup.wait(60)
    assert wakeup.was_last()
    waker.close()


def test_a_rest_goes_on_through_nudges_and_ends_when_no_more_work_comes_soon(
    wakeup: Wakeup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waker = Waker(tmp_path / "run", "prepare")
    now, waits = [100.0], []

    def select(read: list[int], _: list[int], __: list[int], timeout: float) -> tuple[list[int], list[int], list[int]]:
        waits.append(round(timeout, 6))
        now[0] += 0.02
        waker.wake(last=len(waits) == 3)
        return read, [], []

    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(module.select, "select", select)
    wakeup.rest(0.1)
    assert waits == [0.1, 0.08, 0.06]
    assert wakeup.was_last()
    # What was said before it counts as well.
    waker.wake(last=True)
    wakeup.rest(0.1)
    assert len(waits) == 3
    assert wakeup.was_last()
    # Without it the time is rested out.
    wakeup.rest(0.03)
    assert waits[3:] == [0.03, 0.01]
    waker.close()


def test_a_flag_that_is_set_ends_the_wait_and_is_no_nudge(wakeup: Wakeup) -> None:
    stopping = StopFlag()
    stopping.set()
    assert not wakeup.wait(60, stopping)


def test_a_full_mailbox_makes_nobody_wait(wakeup: Wakeup, tmp_path: Path) -> None:
    waker = Waker(tmp_path / "run", "prepare")
    for _ in range(2000):
        waker.wake()
    waker.close()
    assert wakeup.wait(60)
    assert not wakeup.wait(0)


def test_a_waker_finds_who_came_after_it(tmp_path: Path) -> None:
    waker = Waker(tmp_path, "prepare")
    waker.wake()
    late = Wakeup(tmp_path, "prepare")
    waker.wake()
    assert late.wait(60)
    late.close()
    waker.wake()
    waker.close()


def test_who_comes_beside_another_is_found_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    waker, first = Waker(tmp_path, "prepare"), Wakeup(tmp_path, "prepare")
    first._path = first._path.rename(tmp_path / "prepare-0.wake")
    waker.wake()
    second = Wakeup(tmp_path, "prepare")
    now[0] = 1.1
    waker.wake()
    assert second.wait(0)
    for each in (waker, first, second):
        each.close()


def test_a_waker_that_finds_one_gone_looks_at_once_for_who_came_in_its_place(tmp_path: Path) -> None:
    waker, first = Waker(tmp_path, "prepare"), Wakeup(tmp_path, "prepare")
    waker.wake()
    first.close()
    waker.wake()
    second = Wakeup(tmp_path, "prepare")
    second._path = second._path.rename(tmp_path / "prepare-0.wake")
    waker.wake()
    assert second.wait(0)
    second.close()
    waker.close()


def test_what_a_killed_process_left_is_passed_over_and_later_removed(wakeup: Wakeup, tmp_path: Path) -> None:
    dead = tmp_path / "run" / "prepare-0.wake"
    dead.touch()
    wake(tmp_path / "run", "prepare")
    assert wakeup.wait(60)
    assert dead.exists()
    os.utime(dead, (1, 1))
    wake(tmp_path / "run", "prepare")
    assert not dead.exists()


def test_who_has_found_the_folder_once_nudges_also_when_its_volume_has_gone(tmp_path: Path) -> None:
    folder, away = tmp_path / "run", tmp_path / "away"
    folder.mkdir()
    waker = Waker(folder, "prepare")
    sleeper = Wakeup(folder, "prepare")
    folder.rename(away)
    try:
        waker.wake()
        assert sleeper.wait(0)
    finally:
        waker.close()
        away.rename(folder)
        sleeper.close()


def test_a_folder_may_be_deeper_than_a_sockets_name_may_be_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    wakeup = Wakeup(deep, "prepare")
    wake(deep, "prepare")
    assert wakeup.wait(60)
    wakeup.close()
    assert list(deep.iterdir()) == []


def test_the_place_of_a_process_with_the_same_number_is_taken(tmp_path: Path) -> None:
    (tmp_path / f"prepare-{os.getpid()}.wake").touch()
    wakeup = Wakeup(tmp_path, "prepare")
    wake(tmp_path, "prepare")
    assert wakeup.wait(60)
    wakeup.close()


def test_what_a_killed_process_has_left_goes_when_another_of_its_role_begins(tmp_path: Path) -> None:
    """Nobody nudges the housekeeping process: each that was killed left its file for ever."""
    killed, alive = tmp_path / "housekeep-1.wake", Wakeup(tmp_path, "housekeep")
    alive._path = alive._path.rename(tmp_path / "housekeep-2.wake")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(killed))
    for path in (killed, alive._path):
        os.utime(path, (0, 0))
    new = Wakeup(tmp_path, "housekeep")
    assert not killed.exists()
    assert alive._path.exists()
    assert not new.wait(0)
    new.close()
    alive.close()

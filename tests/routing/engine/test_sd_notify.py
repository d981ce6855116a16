"""Signs of life by sd_notify: what is said when, that nobody else is believed, and that the real processes say it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from routing.processes.sd_notify import Ear, Notifier, Pulse
from tests.acceptance.router import until
from tests.routing.engine.engine import MakeEngine, stop


@pytest.fixture
def ear() -> Iterator[Ear]:
    with closing(Ear()) as ear:
        yield ear


def said(ear: Ear) -> list[str]:
    return [line for _, lines in ear.heard() for line in lines]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [1000.0]
    monkeypatch.setattr("routing.processes.sd_notify.time.monotonic", lambda: now[0])
    yield now


def test_what_is_said_arrives_with_the_process_that_said_it(ear: Ear) -> None:
    notifier = Notifier(ear.environment(30))
    notifier.ready("listens on port 11112")
    notifier.stopping()
    assert list(ear.heard()) == [
        (os.getpid(), ["READY=1", "STATUS=listens on port 11112"]),
        (os.getpid(), ["STOPPING=1"]),
    ]
    assert list(ear.heard()) == []


def test_another_process_is_told_apart_whatever_it_claims(ear: Ear) -> None:
    code = "from routing.processes.sd_notify import Notifier; Notifier().ready('MAINPID=1')"
    root = Path(__file__).resolve().parents[3]
    environment = {**os.environ, **ear.environment(30), "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    assert process.wait() == 0
    assert [pid for pid, _ in ear.heard()] == [process.pid]


def test_a_sign_of_life_is_sent_three_times_in_the_time_allowed(ear: Ear, clock: list[float]) -> None:
    notifier = Notifier(ear.environment(30))
    for _ in range(300):
        notifier.alive()
        clock[0] += 0.1
    assert said(ear) == ["WATCHDOG=1"] * 3


def test_nobody_who_asked_nobody_who_is_told(ear: Ear, clock: list[float]) -> None:
    silent = Notifier({})
    silent.ready("x")
    silent.alive()
    unwatched = Notifier({"NOTIFY_SOCKET": ear.environment(30)["NOTIFY_SOCKET"]})
    unwatched.alive()
    for_another = Notifier({**ear.environment(30), "WATCHDOG_PID": "1"})
    for_another.alive()
    assert said(ear) == []
    unwatched.ready()
    assert said(ear) == ["READY=1"]


def test_an_ear_that_is_gone_is_no_error(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "1000000"})
    notifier.ready("x")
    notifier.alive()


def test_what_a_process_starts_does_not_speak_in_its_name(ear: Ear) -> None:
    environment = {**ear.environment(30), "WATCHDOG_PID": str(os.getpid()), "PATH": "/usr/bin"}
    Notifier(environment)
    assert environment == {"PATH": "/usr/bin"}


def test_one_loop_that_stands_still_silences_all(ear: Ear, clock: list[float]) -> None:
    pulse = Pulse(Notifier(ear.environment(3)), 2, within=20)
    for _ in range(20):
        pulse.turned(0)
        clock[0] += 1
    assert said(ear)
    clock[0] += 1
    for _ in range(20):
        pulse.turned(0)
        clock[0] += 1
    assert said(ear) == []
    pulse.turned(1)
    pulse.turned(0)
    assert said(ear) == ["WATCHDOG=1"]


@pytest.mark.integration
def test_listener_and_worker_say_that_they_are_ready_and_live_and_their_children_nothing(
    ear: Ear, make_engine: MakeEngine
) -> None:
    engine = make_engine(**ear.environment(0.3))
    heard: dict[int, set[str]] = {}

    def lives(*processes: subprocess.Popen[bytes]) -> bool:
        for pid, lines in ear.heard():
            heard.setdefault(pid, set()).update(lines)
        return all("WATCHDOG=1" in heard.get(process.pid, ()) for process in processes)

    listener, worker = engine.listener(), engine.worker()
    until(lambda: lives(listener, worker), 30, "both have said that they live")
    assert stop(listener) == stop(worker) == 0
    assert lives()
    always = {"READY=1", "WATCHDOG=1", "STOPPING=1"}
    assert heard == {
        listener.pid: always | {f"STATUS=listens on port {engine.port}"},
        worker.pid: always | {"STATUS=watches prepare, deliver, housekeep, rehearse"},
    }

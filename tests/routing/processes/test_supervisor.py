"""The supervisor with real processes: what dies comes back, all end in their order, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routing.processes.sd_notify import STARTED_AGAIN
from routing.processes.supervisor import _LOOK, Service, Supervisor, in_words
from tests.acceptance.router import kill, until

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import os, signal, sys, pathlib
folder, name, behaviour = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def note(word):
    with open(folder / "events", "a") as events:
        events.write(f"{name} {word}\\n")
def end(number, frame):
    note("ends")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "deaf" else end)
signal.signal(signal.SIGINT, lambda *_: note("interrupted"))
(folder / f"{name}.pid").write_text(str(os.getpid()))
note("began")
if behaviour == "freezes":
    from routing.processes.sd_notify import Notifier
    Notifier().alive()
if behaviour == "dies":
    sys.exit(3)
while True:
    signal.pause()
"""
SUPERVISOR = """
import logging, pathlib, sys
from routing.processes.sd_notify import STARTED_AGAIN
from routing.processes.supervisor import Service, Supervisor
logging.basicConfig(level="INFO", format="%(message)s")
folder, child, services = sys.argv[1], sys.argv[2], sys.argv[3:]
Supervisor([
    Service(
        name,
        [sys.executable, "-c", child, folder, name, behaviour],
        stop_after=int(turn),
        alive_within=0.3 if behaviour == "freezes" else 0,
    )
    for name, behaviour, turn in (service.split(",") for service in services)
], drain_seconds=2).run()
"""


class Running:
    def __init__(self, folder: Path, *services: str) -> None:
        self.folder = folder
        self.names = [service.split(",")[0] for service in services]
        self.output = folder / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, str(folder), CHILD, *services],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
            )

    def events(self) -> list[str]:
        path = self.folder / "events"
        return path.read_text().splitlines() if path.exists() else []

    def began(self, name: str, times: int = 1) -> int:
        """Wait until a service has begun so often; its process now."""
        until(lambda: self.events().count(f"{name} began") >= times, 30, f"{name} began: {self.output.read_text()}")
        return int((self.folder / f"{name}.pid").read_text())

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for name in self.names:
            path = self.folder / f"{name}.pid"
            if path.exists():
                kill(int(path.read_text()))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Running]]:
    made: list[Running] = []
    yield made
    for one in made:
        one.end()


@pytest.fixture
def tending() -> Iterator[Callable[..., Supervisor]]:
    """A supervisor that does not run, for one step of it."""
    made: list[Supervisor] = []

    def make(*services: Service) -> Supervisor:
        made.append(Supervisor(services))
        return made[-1]

    yield make
    for one in made:
        one._ear.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def started(running: list[Running], folder: Path, *services: str) -> Running:
    running.append(Running(folder, *services))
    return running[-1]


@pytest.mark.integration
def test_what_dies_is_started_again_and_said(running: list[Running], tmp_path: Path) -> None:
    supervisor = started(running, tmp_path, "web,stays,1", "worker,stays,1")
    web, worker = supervisor.began("web"), supervisor.began("worker")
    kill(worker)
    again = supervisor.began("worker", 2)
    assert again != worker
    assert alive(web)
    assert "worker ended (signal 9) and is started again in 0.5 s" in supervisor.output.read_text()
    assert supervisor.events().count("web began") == 1


@pytest.mark.integration
def test_what_dies_at_once_each_time_is_started_more_and_more_slowly(running: list[Running], tmp_path: Path) -> None:
    supervisor = started(running, tmp_path, "worker,dies,1")
    supervisor.began("worker", 3)
    until(lambda: "started again in 2 s" in supervisor.output.read_text(), 30)
    said = [line for line in supervisor.output.read_text().splitlines() if "ended" in line]
    assert said[:3] == [f"worker ended (exit code 3) and is started again in {pause} s" for pause in ("0.5", "1", "2")]


@pytest.mark.integration
def test_what_lives_and_does_not_move_is_killed_and_started_again(running: list[Running], tmp_path: Path) -> None:
    supervisor = started(running, tmp_path, "listener,freezes,1", "web,stays,2")
    stuck, web = supervisor.began("listener"), supervisor.began("web")
    assert supervisor.began("listener", 2) != stuck
    assert alive(web)
    told = supervisor.output.read_text()
    assert "listener has given no sign of life for 0.3 s and is killed" in told
    assert "listener ended (signal 9) and is started again in 0.5 s" in told


def test_a_pause_of_the_supervisors_own_is_nobodys_fault(
    tending: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("routing.processes.supervisor.time.monotonic", lambda: now[0])
    frozen = Service("listener", ["sleep", "60"], alive_within=120, heard_at=990.0)
    supervisor = tending(frozen)
    with subprocess.Popen(["sleep", "60"]) as frozen.process:
        now[0] += 3600
        supervisor._hear()
        supervisor._tend(frozen)
        assert frozen.process.poll() is None
        for _ in range(121):
            now[0] += 1
            supervisor._hear()
        supervisor._tend(frozen)
        assert frozen.process.wait() == -signal.SIGKILL


@pytest.mark.integration
def test_a_supervisor_that_was_stopped_for_a_while_goes_on_with_its_services(
    running: list[Running], tmp_path: Path
) -> None:
    """Ctrl-Z and fg, say: it ended the whole router, as if somebody had asked for it."""
    supervisor = started(running, tmp_path, "worker,stays,1")
    pid = supervisor.began("worker")
    stopped_at = time.monotonic()
    supervisor.process.send_signal(signal.SIGSTOP)
    until(lambda: time.monotonic() - stopped_at > 2 * _LOOK, 30, "the wait of the supervisor is over")
    supervisor.process.send_signal(signal.SIGCONT)
    os.kill(pid, signal.SIGKILL)
    assert supervisor.began("worker", 2) != pid
    assert supervisor.process.poll() is None


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_end_in_their_order(running: list[Running], tmp_path: Path, number: int) -> None:
    supervisor = started(running, tmp_path, "web,stays,3", "worker,stays,2", "listener,stays,1")
    for name in ("web", "worker", "listener"):
        supervisor.began(name)
    supervisor.process.send_signal(number)
    assert supervisor.process.wait(30) == 0
    assert supervisor.events()[3:] == ["listener ends", "worker ends", "web ends"]


@pytest.mark.integration
def test_who_does_not_end_in_time_is_killed(running: list[Running], tmp_path: Path) -> None:
    supervisor = started(running, tmp_path, "worker,deaf,1", "web,stays,2")
    pid = supervisor.began("worker")
    supervisor.began("web")
    supervisor.process.terminate()
    assert supervisor.process.wait(30) == 0
    assert not alive(pid)
    assert f"process {pid} did not end in time and is killed" in supervisor.output.read_text()
    assert supervisor.events()[-1] == "web ends"


@pytest.mark.integration
def test_a_second_interrupt_ends_at_once_and_the_services_with_it(running: list[Running], tmp_path: Path) -> None:
    supervisor = started(running, tmp_path, "deaf,deaf,1", "web,stays,2")
    supervisor.began("deaf")
    web = supervisor.began("web")
    supervisor.process.send_signal(signal.SIGINT)
    until(lambda: "stopping" in supervisor.output.read_text(), 30)
    supervisor.process.send_signal(signal.SIGINT)
    assert supervisor.process.wait(30) == -signal.SIGINT
    until(lambda: not alive(web), 30, "web has ended")


@pytest.mark.integration
def test_services_end_in_good_order_when_their_supervisor_is_killed(running: list[Running], tmp_path: Path) -> None:
    supervisor = started(running, tmp_path, "web,stays,1", "worker,stays,1")
    pids = [supervisor.began("web"), supervisor.began("worker")]
    kill(supervisor.process.pid)
    supervisor.process.wait()
    until(lambda: not any(alive(pid) for pid in pids), 30, "they have ended")
    assert sorted(supervisor.events()[2:]) == ["web ends", "worker ends"]


@pytest.mark.integration
def test_an_interrupt_at_the_keyboard_reaches_the_supervisor_alone(running: list[Running], tmp_path: Path) -> None:
    supervisor = started(running, tmp_path, "web,stays,1")
    assert os.getpgid(supervisor.began("web")) != os.getpgid(supervisor.process.pid)


def test_a_service_that_ran_long_enough_is_started_again_at_once(
    tending: Callable[..., Supervisor], caplog: pytest.LogCaptureFixture
) -> None:
    service = Service("worker", [sys.executable, "-c", "pass"])
    supervisor = tending(service)
    supervisor._start(service)
    assert service.process is not None
    service.process.wait()
    service.started_at -= 31
    service.pause = 8
    supervisor._tend(service)
    assert service.pause == 0.0
    assert service.process is not None
    service.process.wait()
    assert caplog.messages == ["worker ended (exit code 0) and is started again"]


@pytest.mark.parametrize(("status", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal 9")])
def test_how_a_process_ended_in_words(status: int, words: str) -> None:
    assert in_words(status) == words


def test_a_process_that_takes_the_place_of_another_is_told_so(
    tending: Callable[..., Supervisor], tmp_path: Path
) -> None:
    tell = f"import os, sys; open(sys.argv[1], 'a').write(os.environ.get({STARTED_AGAIN!r}, 'first '))"
    service = Service("worker", [sys.executable, "-c", tell, str(tmp_path / "told")])
    for _ in range(2):
        tending(service)._start(service)
        assert service.process is not None
        service.process.wait()
    assert (tmp_path / "told").read_text() == "first 1"


def test_a_service_gets_the_environment_that_it_needs_unless_somebody_has_set_another(
    tending: Callable[..., Supervisor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SET_BY_SOMEBODY", "theirs")
    tell = "import os, sys; open(sys.argv[1], 'w').write(os.environ['NEEDED'] + ' ' + os.environ['SET_BY_SOMEBODY'])"
    service = Service(
        "worker",
        [sys.executable, "-c", tell, str(tmp_path / "told")],
        environment={"NEEDED": "ours", "SET_BY_SOMEBODY": "ours"},
    )
    tending(service)._start(service)
    assert service.process is not None
    assert service.process.wait() == 0
    assert (tmp_path / "told").read_text() == "ours theirs"

"""A worker's processes under their watchdog: scripts that do not end, that end the process, and orderly ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from routing.engine.watching.watch import Casualty, Watch
from routing.engine.watching.watchdog import FILE_MESSAGE, Role, Watchdog
from routing.processes.sd_notify import Notifier
from tests.acceptance.router import kill, until
from tests.builders import ct_image
from tests.routing.engine.engine import ADOPT, NODE_AND_SCRIPTS, ROOT, Engine, MakeEngine, stop


def only_for(patient: str, script: str) -> str:
    return f"if dataset:Get('PatientID') == '{patient}' then {script} end"


def filled(engine: Engine, script: str, patients: list[str]) -> list[int]:
    """A node, one script, and New items in this order."""
    engine.python(NODE_AND_SCRIPTS, script)
    ids = [engine.image(ct_image(PatientID=patient)).id for patient in patients]
    engine.python(ADOPT)
    assert engine.states() == {"New": len(ids)}
    return ids


def pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal that the process blocks still waits for it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = (line.split()[1] for line in lines if line.startswith("ShdPnd:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def finished(engine: Engine, seconds: float = 60) -> None:
    until(lambda: not engine.states().get("New"), seconds, f"nothing is New any more: {engine.said()}")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("local s = ('a'):rep(40) s:find(('a*'):rep(20) .. 'b')", "script exceeded its limit of 1 s"),
        ("package.loadlib('libc.so.6', '*') package.loadlib('libc.so.6', 'abort')()", "crashed (signal 6)"),
    ],
)
def test_a_script_that_has_to_be_ended_or_ends_its_process_fails_its_image_and_no_other(
    make_engine: MakeEngine, script: str, words: str
) -> None:
    engine = make_engine(CAPACITOR_LUA_SECONDS="1")
    said = "print('so far', dataset:Get('PatientID')) log:warn('about to') "
    ids = filled(engine, only_for("BAD", said + script), ["A", "BAD", "B", "BAD", "C"])
    worker = engine.worker("prepare")
    finished(engine)
    states = [engine.item(identifier, "state", "prepare_starts") for identifier in ids]
    assert [state for state, _ in states] == ["Prepared", "Failed", "Prepared", "Failed", "Prepared"]
    assert [starts for _, starts in states] == [0] * 5
    last_error = engine.item(ids[1], "last_error")[0]
    assert last_error.startswith("entry 1: ") and words in last_error
    ((entries,),) = engine.rows("SELECT entries FROM routing_preparereport WHERE item_id = ?", ids[1])
    assert [(entry["status"], words in entry["reason"]) for entry in json.loads(entries)] == [("error", True)]
    history = engine.rows("SELECT event, actor, note FROM routing_historyentry WHERE item_id = ?", ids[1])
    assert history[-1][:2] == ("gave up", "watchdog")
    assert words in history[-1][2]
    # What it wrote tells why it had to be ended (D7).
    told = engine.rows("SELECT source, entry, text FROM routing_itemlogline WHERE item_id = ? ORDER BY id", ids[1])
    assert [*told[0]] == ["script", 1, "so far\tBAD"]
    assert (told[1][0], words in told[1][2]) == ("router", True)
    # The application log is written behind the worker's back.
    warned = "SELECT count(*) FROM routing_applicationlogline WHERE message = '[lua] about to'"
    until(lambda: engine.rows(warned) == [(2,)], 60, "both lines are in the application log")
    assert stop(worker) == 0


@pytest.mark.integration
def test_an_exit_in_a_script_is_an_error_of_the_script_and_ends_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine()
    ids = filled(engine, only_for("BAD", "os.exit(0)"), ["A", "BAD"])
    worker = engine.worker("prepare")
    finished(engine)
    assert [engine.item(identifier, "state")[0] for identifier in ids] == ["Prepared", "Prepared"]
    assert engine.rows("SELECT count(*) FROM routing_itemlogline WHERE text LIKE '%os.exit%'") == [(1,)]
    assert "ended" not in engine.said()
    assert stop(worker) == 0


@pytest.mark.integration
@pytest.mark.fault(75, "from outside, each time")
def test_an_image_whose_process_is_always_killed_is_given_up_after_some_tries_and_no_other(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(CAPACITOR_PREPARE_TRIES="3")
    ids = filled(engine, only_for("BAD", "os.execute('kill -9 $PPID')"), ["A", "BAD", "B"])
    worker = engine.worker("prepare")
    finished(engine)
    assert [engine.item(identifier, "state")[0] for identifier in ids] == ["Prepared", "Failed", "Prepared"]
    assert engine.item(ids[1], "last_error") == ("its preparation began 3 times and never ended",)
    assert stop(worker) == 0


@pytest.mark.integration
def test_what_runs_scripts_leaves_the_processor_to_reception(make_engine: MakeEngine) -> None:
    engine = make_engine()
    mark = engine.folder / "mark"
    filled(engine, f"io.open('{mark}', 'w'):close()", ["A"])
    worker = engine.worker("prepare")
    until(mark.exists, 30, "the script runs")
    (child,) = engine.pids(worker.pid)
    parents, children = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (worker.pid, child))
    assert (parents, children) == (os.getpriority(os.PRIO_PROCESS, 0), parents + 5)
    assert stop(worker) == 0


@pytest.mark.integration
def test_one_kill_from_outside_costs_no_image(make_engine: MakeEngine) -> None:
    engine = make_engine()
    mark = engine.folder / "mark"
    wait = f"local f = io.open('{mark}') if not f then io.open('{mark}', 'w'):close() while true do end end"
    ids = filled(engine, wait, ["A", "B"])
    worker = engine.worker("prepare")
    until(mark.exists, 30, "the script runs")
    (child,) = engine.pids(worker.pid)
    kill(child)
    finished(engine)
    assert [engine.item(identifier, "state", "last_error") for identifier in ids] == [("Prepared", "")] * 2
    assert "process prepare: crashed (signal 9); it is started again" in engine.said()
    assert stop(worker) == 0


@pytest.mark.integration
def test_a_stop_ends_after_the_image_in_hand_and_gives_the_others_back_uncounted(make_engine: MakeEngine) -> None:
    engine = make_engine()
    mark, go = engine.folder / "mark", engine.folder / "go"
    wait = f"io.open('{mark}', 'w'):close() while not io.open('{go}') do end"
    ids = filled(engine, wait, ["A", "B", "C"])
    worker = engine.worker("prepare")
    until(mark.exists, 30, "the script runs")
    (child,) = engine.pids(worker.pid)
    worker.send_signal(signal.SIGTERM)
    until(lambda: not pending(worker.pid, signal.SIGTERM), 10, "the watchdog takes note")
    # It passes the signal on, but perhaps only after the script has found its file.
    kill(child, signal.SIGTERM)
    go.touch()
    assert worker.wait(60) == 0
    rows = [engine.item(identifier, "state", "prepare_starts", "lease_owner") for identifier in ids]
    assert rows == [("Prepared", 0, ""), ("New", 0, ""), ("New", 0, "")]
    assert list((engine.folder / "run").glob("*")) == []
    assert engine.rows("SELECT count(*) FROM routing_serviceprocess") == [(0,)]
    assert engine.rows("SELECT count(*) FROM routing_lane") == [(0,)]


@pytest.mark.integration
def test_the_processes_of_a_killed_worker_end_with_it_and_the_next_one_puts_things_right(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine()
    mark = engine.folder / "mark"
    wait = f"local f = io.open('{mark}') if not f then io.open('{mark}', 'w'):close() while true do end end"
    ids = filled(engine, wait, ["A", "B"])
    worker = engine.worker("prepare")
    until(mark.exists, 30, "the script runs")
    children = engine.pids(worker.pid)
    assert len(children) == 1
    kill(worker.pid)
    worker.wait()
    until(lambda: not Path(f"/proc/{children[0]}").exists(), 20, "the child has ended")
    worker = engine.worker("prepare")
    finished(engine)
    assert [engine.item(identifier, "state")[0] for identifier in ids] == ["Prepared"] * 2
    assert stop(worker) == 0


def buried(status: int, *, killed_for: str = "", item: int | None = 7, stopping: bool = False) -> Role:
    role = Role("prepare", lambda watch, casualty: None, pid=1, started_at=time.monotonic(), killed_for=killed_for)
    role.watch.owner = "host:1:dead"
    if item is not None:
        role.watch.begin(item, 60)
        role.watch.at(2, 1)
    watchdog = Watchdog([role], time_message="too long", drain_seconds=1, notifier=Notifier({}))
    watchdog._stopping = stopping
    watchdog._bury(role, status)
    return role


@pytest.mark.parametrize(
    ("status", "killed_for", "message"),
    [
        (signal.SIGKILL, "too long", "too long"),
        (signal.SIGKILL, FILE_MESSAGE, FILE_MESSAGE),
        (signal.SIGSEGV, "", "the script crashed (signal 11) the process that ran it"),
        (signal.SIGABRT, "", "the script crashed (signal 6) the process that ran it"),
        (0, "", "the script ended (exit code 0) the process that ran it"),
        (3 << 8, "", "the script ended (exit code 3) the process that ran it"),
        (signal.SIGKILL, "", ""),
        (signal.SIGKILL, "had not moved for 900 s and was killed", ""),
        (signal.SIGTERM, "", ""),
    ],
)
def test_what_is_said_of_the_image_in_hand_depends_on_how_its_process_ended(
    status: int, killed_for: str, message: str
) -> None:
    role = buried(int(status), killed_for=killed_for)
    assert role.casualty == Casualty("host:1:dead", 7, message, (2, 1))
    assert (role.pid, role.watch.item_id, role.watch.owner, role.delay) == (0, None, "", 0.0)


def test_a_file_that_takes_too_long_and_a_script_are_told_apart() -> None:
    watchdog = Watchdog([], time_message="too long", drain_seconds=1, notifier=Notifier({}))
    watch = Watch()
    for with_file, told in ((False, "too long"), (True, FILE_MESSAGE)):
        watch.begin(7, -1, with_file=with_file)
        assert watchdog._stuck(watch) == told


def test_a_process_that_dies_without_an_image_in_hand_leaves_no_casualty_and_is_started_more_slowly() -> None:
    role = buried(1 << 8, item=None)
    assert role.casualty is None
    assert role.delay == 0.25


def test_at_the_end_nobody_is_said_to_be_started_again(caplog: pytest.LogCaptureFixture) -> None:
    buried(1 << 8, item=None, stopping=True)
    assert "process prepare: ended (exit code 1)" in caplog.text
    assert "started again" not in caplog.text


def test_a_child_that_ends_by_an_error_tells_it_and_leaves_by_itself(tmp_path: Path) -> None:
    def fails(watch: Watch, casualty: Any) -> None:
        watch.owner = "host:1:child"
        raise ZeroDivisionError

    role = Role("prepare", fails)
    Watchdog([role], time_message="", drain_seconds=1, notifier=Notifier({}))._start(role, set())
    _, status = os.waitpid(role.pid, 0)
    assert os.WEXITSTATUS(status) == 1
    assert role.watch.owner == "host:1:child"


STUCK = """
import logging, os, pathlib, signal, sys
import django; django.setup()
from routing.engine.watching.watchdog import Role, Watchdog
from routing.processes.sd_notify import Notifier
logging.disable(logging.NOTSET)
logging.basicConfig(level="INFO", format="%(message)s", force=True)
def begins(watch, casualty):
    watch.turned()
    with open(sys.argv[1], "a") as began:
        began.write(f"{os.getpid()} {casualty}\\n")
    signal.pause()
Watchdog([Role("deliver", begins)], time_message="", drain_seconds=1, notifier=Notifier({}), still=0.3).run()
"""


@pytest.mark.integration
def test_a_child_whose_loop_does_not_come_round_is_replaced(make_engine: MakeEngine) -> None:
    engine = make_engine()
    began = engine.folder / "began"
    environment = {**engine.environment, "DJANGO_SETTINGS_MODULE": "capacitor_web.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, str(began)], env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as watchdog:
        until(lambda: began.exists() and len(began.read_text().splitlines()) >= 2, 30, "another one has begun")
        watchdog.terminate()
        _, told = watchdog.communicate()
    pids, casualties = zip(*(line.split() for line in began.read_text().splitlines()), strict=True)
    assert len(set(pids)) == len(pids)
    assert set(casualties) == {"None"}
    assert "process deliver: had not moved for 0.3 s and was killed; it is started again" in told

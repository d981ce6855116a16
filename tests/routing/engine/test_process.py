"""The start, the work and the end of an engine process."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection

from routing.core.identifiers import FILE_TAGS, ROW_TAGS, new_identifiers
from routing.engine import process as processes
from routing.engine.process import EngineProcess
from routing.engine.settling import Settled, settle_departed
from routing.engine.watching.watch import Casualty
from routing.folders import run_folder
from routing.models import ServiceProcess
from routing.processes.presence import owners
from routing.processes.wakeup import Wakeup
from routing.queue.spool import open_spool
from tests.builders import fresh, queue_item
from tests.routing.engine.dead_process import DEAD, held
from tests.routing.engine.engine import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("process_folder")]


def test_a_process_shows_a_sign_of_life_and_leaves_nothing_behind(monkeypatch: Any) -> None:
    limits: list[Any] = []
    monkeypatch.setattr(resource, "setrlimit", lambda *limit: limits.append(limit))
    with EngineProcess("prepare") as process:
        assert owners(run_folder()) == [process.owner]
        process.beat(ports=[1])
        row = ServiceProcess.objects.get()
        assert (row.owner, row.role, row.pid, row.detail) == (process.owner, "prepare", os.getpid(), {"ports": [1]})
        item = held(owner=process.owner, prepare_starts=1)
        assert limits == [(resource.RLIMIT_CORE, (0, 0))]
    assert owners(run_folder()) == []
    assert not ServiceProcess.objects.exists()
    assert (fresh(item).lease_owner, fresh(item).prepare_starts) == ("", 0)


def test_after_an_unexpected_error_what_was_begun_stays_counted() -> None:
    with pytest.raises(ZeroDivisionError), EngineProcess("prepare") as process:
        item = held(owner=process.owner, prepare_starts=1)
        raise ZeroDivisionError
    assert (fresh(item).lease_owner, fresh(item).prepare_starts) == ("", 1)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_without_a_database_the_presence_file_stays_for_the_next_one(monkeypatch: Any, error: type[Exception]) -> None:
    def away(*_: Any, **__: Any) -> int:
        raise error("away")

    with EngineProcess("prepare") as process, monkeypatch.context() as patched:
        patched.setattr(processes, "give_back", away)
        process.__exit__(None)
        assert owners(run_folder()) == [process.owner]


def test_what_was_answered_and_could_not_be_recorded_is_recorded_by_the_next_one_and_not_sent_again() -> None:
    """As when the last transaction of a stop gave way in a deadlock, or waited in vain for a locked table."""
    with EngineProcess("deliver") as process:
        sent, waiting = held("Prepared", process.owner), held("Prepared", process.owner)
        process.presence.journal(sent.pk)
    assert owners(run_folder()) == [process.owner]
    # As the end of the process does.
    os.close(process.presence._fd)
    assert settle_departed() == Settled(recorded=1, freed=1)
    assert [(fresh(item).state, fresh(item).lease_owner) for item in (sent, waiting)] == [
        ("Delivered", ""),
        ("Prepared", ""),
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_the_end(number: int) -> None:
    with EngineProcess("prepare") as process:
        assert not process.stopping.is_set()
        signal.raise_signal(number)
        assert process.stopping.is_set()


def test_a_second_signal_in_the_middle_of_the_first_does_not_hold_the_process_up() -> None:
    """As when the service manager signals every process of a worker and its watchdog passes the signal on."""

    def stuck(*_: object) -> None:
        raise AssertionError("the handler waits for itself")

    def again(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        left[0] -= 1
        if left[0] >= 0:
            signal.raise_signal(signal.SIGTERM)
        return again

    left = [20]
    alarm, trace = signal.signal(signal.SIGALRM, stuck), sys.gettrace()
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        with EngineProcess("prepare") as process:
            sys.settrace(again)
            process.stopping.wait(0)
            sys.settrace(trace)
            assert process.stopping.is_set()
            assert process.stopping.wait(60)
    finally:
        sys.settrace(trace)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)


def test_signs_of_life_are_five_seconds_apart_and_a_busy_database_does_not_matter(
    monkeypatch: Any, caplog: Any
) -> None:
    now = [100.0]
    monkeypatch.setattr(processes.time, "monotonic", lambda: now[0])
    written: list[int] = []

    def write(**_: Any) -> None:
        written.append(1)
        raise OperationalError("locked\nDETAIL:  (DOE^JANE)")

    with EngineProcess("prepare") as process:
        monkeypatch.setattr(ServiceProcess.objects, "update_or_create", write)
        process.beat()
        process.beat()
        now[0] = 105.5
        process.beat()
    assert written == [1, 1]
    assert "sign of life could not be written: locked" in caplog.text
    assert "DOE" not in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="a connection to SQLite is as good as its file")
def test_a_connection_that_has_become_read_only_is_not_kept_for_signs_of_life(monkeypatch: Any) -> None:
    """As one begun while the server stood by for another, or had run out of room."""
    monkeypatch.setattr(processes, "HEARTBEAT", 0)
    seen: list[int] = []
    with EngineProcess("listener") as process:

        def a_minute_is_over() -> None:
            seen.append(ServiceProcess.objects.count())
            connection.close_at = 0
            if len(seen) == 2:
                process.stopping.set()

        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        process.live(a_minute_is_over)
    assert seen == [0, 1]


def test_spool_and_identifiers_belong_to_the_data_folder(process_folder: Path) -> None:
    assert open_spool().root == process_folder / "spool"
    identifiers = new_identifiers(FILE_TAGS)
    assert identifiers() < identifiers()


def test_who_makes_a_row_without_a_file_never_takes_the_number_of_a_file(monkeypatch: Any) -> None:
    """At the same moment, whichever tags chance gives: what collided with a file's row was lost without a word."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_000_000_000)
    made = [{new_identifiers(tags)() for _ in range(2000)} for tags in (FILE_TAGS, ROW_TAGS)]
    assert not made[0] & made[1]


# The loop closes connections, and PostgreSQL ends a transaction with its connection.
@pytest.mark.django_db(transaction=True)
def test_work_goes_on_while_there_is_any_then_waits_and_ends_when_told() -> None:
    happened: list[str] = []
    answers = [True, False, False]

    def turn() -> bool:
        happened.append("turn")
        return answers.pop(0)

    with EngineProcess("prepare") as process, contextlib.closing(Wakeup(run_folder(), "prepare")) as wakeup:

        def wait() -> None:
            happened.append("wait")
            if not answers:
                signal.raise_signal(signal.SIGTERM)

        process.work(turn, wait, wakeup=wakeup, detail=lambda: {"ports": [1]})
        assert ServiceProcess.objects.get().detail == {"ports": [1]}
        assert process.stopping.wait(60), "the signal does not end a wait"
    assert happened == ["turn", "turn", "wait", "turn", "wait"]


@pytest.mark.django_db(transaction=True)
def test_work_settles_a_casualty_once_and_outlives_a_database_that_is_away(monkeypatch: Any, caplog: Any) -> None:
    guilty = queue_item("New")
    monkeypatch.setattr(processes, "IDLE", 0)
    turns: list[int] = []
    really = processes.settle_departed
    settled: list[Casualty | None] = []

    def settle(casualty: Casualty | None) -> Settled:
        settled.append(casualty)
        if len(settled) == 1:
            raise OperationalError("locked\nDETAIL:  (DOE^JANE)")
        return really(casualty)

    monkeypatch.setattr(processes, "settle_departed", settle)
    with EngineProcess("prepare") as process, contextlib.closing(Wakeup(run_folder(), "prepare")) as wakeup:

        def turn() -> bool:
            turns.append(1)
            if len(turns) == 3:
                process.stopping.set()
            return False

        casualty = Casualty(DEAD, guilty.id, "it ended the process")
        process.work(turn, lambda: None, wakeup=wakeup, casualty=casualty)
    assert settled == [casualty, casualty]
    assert fresh(guilty).state == "Failed"
    assert "the database cannot be used: locked" in caplog.text
    assert "DOE" not in caplog.text


class EndedForAnother(Exception):
    """What the driver of PostgreSQL says."""

    sqlstate = "40P01"


@pytest.mark.django_db(transaction=True)
def test_a_turn_that_gave_way_in_a_deadlock_is_taken_again_at_once_and_is_no_error(caplog: Any) -> None:
    turns: list[int] = []
    with EngineProcess("prepare") as process, contextlib.closing(Wakeup(run_folder(), "prepare")) as wakeup:

        def turn() -> bool:
            turns.append(1)
            if len(turns) == 1:
                raise OperationalError("deadlock detected") from EndedForAnother
            process.stopping.set()
            return True

        process.work(turn, lambda: pytest.fail("it waited"), wakeup=wakeup)
    assert len(turns) == 2
    told = [(record.levelname, record.message) for record in caplog.records if record.name == "capacitor.prepare"]
    assert told == [("WARNING", "a transaction gave way to one that waited for the same rows; it is done again")]


LOSES_A_THREAD = """
import threading
from routing.engine.process import EngineProcess
def lost():
    raise ValueError("DOE^JANE")
with EngineProcess("deliver") as process:
    threading.Thread(target=lost, name="to PACS").start()
    process.stopping.wait(60)
"""


@pytest.mark.integration
@pytest.mark.fault(93, "in a thread of an engine process")
def test_an_unexpected_error_in_any_thread_ends_the_process_and_is_said(make_engine: Any, seen: Any) -> None:
    engine = make_engine()
    program = f"import django; django.setup(){LOSES_A_THREAD}"
    environment = {**engine.environment, "DJANGO_SETTINGS_MODULE": "capacitor_web.settings"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    said = "thread to PACS ended by an unexpected error, and this process with it: ValueError"
    assert said in engine.logs()
    assert "DOE^JANE" not in engine.logs()
    seen("exit code 1, said as critical with place and thread; watchdog or supervisor start another")

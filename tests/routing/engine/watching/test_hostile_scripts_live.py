"""Hostile scripts under a real worker: each ends as it should, the next image goes on, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from capacitor_web.environment import Environment
from routing.processes.initial_environment import SECRETS
from tests.acceptance.router import until
from tests.builders import ct_image
from tests.routing.engine.engine import ADOPT, NODE_AND_SCRIPTS, Engine, MakeEngine, stop
from tests.routing.engine.watching.hostile_scripts import (
    CORRUPTS,
    CRASHED,
    ERRORS,
    FAILS,
    GOES,
    MANY_FAIL,
    MANY_GO,
    MEMORY,
    TIME,
)

pytestmark = pytest.mark.integration

COUNT = "study.n = (study.n or 0) + 1"
CONTAINED = (TIME, MEMORY, CRASHED)
SEGFAULT = "the script crashed (signal 11) the process that ran it"
GOOD = "assert(x == nil and ('x'):rep(2) == 'xx' and debug.sethook) print('well')"


def only_for(patient: str, script: str) -> str:
    return f"if dataset:Get('PatientID') == '{patient}' then {script}\nend"


def prepared(
    engine: Engine, ids: dict[str, str], seconds: float
) -> tuple[dict[str, int], list[int], subprocess.Popen[bytes]]:
    """An image for each script and a good one behind it, when a worker has come to their end: items, and the worker."""
    items, good = {}, []
    for name, patient in ids.items():
        items[name] = engine.image(ct_image(PatientID=patient)).id
        good.append(engine.image(ct_image(PatientID="GOOD")).id)
    engine.python(ADOPT)
    worker = engine.worker("prepare")
    until(lambda: not engine.states().get("New"), seconds, "everything is prepared or has failed")
    return items, good, worker


@pytest.mark.fault(46, "under a real worker, every second image a good one")
@pytest.mark.fault(47, "under a real worker")
@pytest.mark.fault(48, "under a real worker")
@pytest.mark.fault(49, "under a real worker")
@pytest.mark.fault(50, "under a real worker")
@pytest.mark.fault(51, "under a real worker")
@pytest.mark.fault(52, "under a real worker")
@pytest.mark.fault(53, "under a real worker")
@pytest.mark.fault(54, "under a real worker, with a limit of 16 MiB")
@pytest.mark.fault(55, "under a real worker")
@pytest.mark.fault(56, "a process that sleeps, a pipe")
@pytest.mark.fault(57, "sleep in the background, a daemon by setsid")
@pytest.mark.fault(60, "abort of the C library")
@pytest.mark.fault(61, "under a real worker")
@pytest.mark.fault(62, "under a real worker")
@pytest.mark.fault(63, "the environment of script and of its children")
@pytest.mark.fault(66, "metatables, globals, locale of one image")
@pytest.mark.fault(67, "under a real worker")
@pytest.mark.fault(69, "a destination that is no node")
def test_each_hostile_script_ends_as_it_should_and_the_next_image_goes_on(
    make_engine: MakeEngine, tmp_path: Path, seen: Callable[..., None]
) -> None:
    engine = make_engine(
        CAPACITOR_LUA_SECONDS="1",
        CAPACITOR_LUA_MEMORY_MIB="16",
        CAPACITOR_SECRET_KEY="signing-secret",
        CAPACITOR_ADMIN_PASSWORD="correct-horse-battery",
        REDIS_URL="",
        DJANGO_SECRET_KEY="another-secret",
        PGPASSWORD="a-third-secret",
    )
    scripts = {**{name: each[0] for name, each in {**FAILS, **ERRORS}.items()}, **GOES}
    ids = {name: f"P{number}" for number, name in enumerate(scripts)}
    texts = [
        only_for(ids[name], f"local FOLDER = '{tmp_path}' {script}")
        if "FOLDER" in script
        else only_for(ids[name], script)
        for name, script in scripts.items()
    ]
    engine.python(NODE_AND_SCRIPTS, f"{COUNT}\n" + only_for("GOOD", GOOD), *texts)
    items, good, worker = prepared(engine, ids, 120)

    for name, (_, words) in FAILS.items():
        state, error = engine.item(items[name], "state", "last_error")
        assert (state, words in error) == ("Failed", True), (name, state, error)
    for name, (_, words) in ERRORS.items():
        assert engine.item(items[name], "state") == ("Prepared",), name
        assert [line for line in told(engine, items[name]) if words in line], (name, told(engine, items[name]))
    for name in GOES:
        assert engine.item(items[name], "state") == ("Prepared",), name
    assert told(engine, items["many lines"])[-1] == "... 4000 lines omitted"
    assert {state for identifier in good for state in engine.item(identifier, "state")} == {"Prepared"}
    assert all(told(engine, identifier) == ["well"] for identifier in good)
    # What failed has not counted.
    assert engine.rows("SELECT json_extract(\"values\", '$.n') FROM routing_scopedstate WHERE scope = 'study'") == [
        (2 * len(scripts) - len(FAILS),)
    ]

    secrets = told(engine, items["secrets"])[0]
    assert secrets.startswith("nil\t" * len(SECRETS))
    assert "PATH=" in secrets
    assert not [word for word in ("secret", "correct-horse") if word in secrets.lower()]
    # Half a second here; what it guards against is an image that waits for a lease to run out.
    assert gap(engine) < timedelta(seconds=5)
    until(lambda: not running("sleep\x0039"), 5, "no process is left behind")
    assert stop(worker) == 0
    seen(
        f"{len(scripts)} of {len(scripts)} contained, {len(good)} of {len(good)} images between them prepared;"
        f" {gap(engine).total_seconds():.1f} s at most beyond the limit of 1 s; 0 processes left",
        scripts=len(scripts),
        contained=len(items),
        contained_after=gap(engine).total_seconds(),
    )


@pytest.mark.fault(46, "66 more hostile scripts, every second image a good one")
def test_no_hostile_script_keeps_the_next_image_waiting(
    make_engine: MakeEngine, tmp_path: Path, seen: Callable[..., None], effort: Callable[[int, int], int]
) -> None:
    engine = make_engine(CAPACITOR_LUA_SECONDS="1", CAPACITOR_LUA_MEMORY_MIB="16", CAPACITOR_BATCH_SIZE="4")
    every = effort(6, 1)
    fails = dict(list(MANY_FAIL.items())[::every])
    scripts = {name: script for name, (script, _) in fails.items()} | dict(list(MANY_GO.items())[::every])
    ids = {name: f"P{number}" for number, name in enumerate(scripts)}
    engine.python(NODE_AND_SCRIPTS, only_for("GOOD", GOOD), *(only_for(ids[n], scripts[n]) for n in scripts))
    items, good, worker = prepared(engine, ids, 300)
    found = {name: engine.item(items[name], "state", "last_error") for name in scripts}
    # Which of two limits comes first depends on the machine.
    ends = {name: (state, any(words in error for words in CONTAINED)) for name, (state, error) in found.items()}
    wanted = {name: ("Failed", True) if name in fails else ("Prepared", False) for name in scripts}
    if found.get(CORRUPTS, ("", ""))[1] == SEGFAULT:
        wanted[CORRUPTS] = ("Failed", False)
    wrong = {name: (*found[name], wanted[name]) for name in scripts if ends[name] != wanted[name]}
    seen(
        f"{len(scripts) - len(wrong)} of {len(scripts)} more contained, {len(good)} images between them prepared;"
        f" {gap(engine).total_seconds():.1f} s at most beyond the limit of 1 s; 0 processes left",
        scripts=len(scripts),
        contained=len(scripts) - len(wrong),
        contained_after=gap(engine).total_seconds(),
    )
    assert wrong == {}
    assert {state for identifier in good for state in engine.item(identifier, "state")} == {"Prepared"}
    assert all(told(engine, identifier) == ["well"] for identifier in good)
    until(lambda: not running("yes\0"), 5, "no process is left behind")
    assert stop(worker) == 0


def told(engine: Engine, item: int) -> list[str]:
    return [text for (text,) in engine.rows("SELECT text FROM routing_itemlogline WHERE item_id = ? ORDER BY id", item)]


def gap(engine: Engine) -> timedelta:
    """
    The longest time between two moments at which preparations were recorded, the limit of the scripts taken off.

    What is done within 50 ms is recorded together, so an image may share the moment of the one that took long.
    """
    ends = engine.rows(
        "SELECT at, max(event = 'gave up') FROM routing_historyentry WHERE event IN ('prepared', 'gave up')"
        " GROUP BY at ORDER BY at"
    )
    moments = [(datetime.fromisoformat(at), timedelta(seconds=1.5 if failed else 0)) for at, failed in ends]
    return max(late - early - limit for (early, _), (late, limit) in pairwise(moments))


def running(command: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_text()
            except OSError:
                continue
            if line.startswith(command):
                found.append(line)
    return found


def test_state_survives_a_restart(make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.python(NODE_AND_SCRIPTS, f"{COUNT} series.last = 'at ' .. study.n print(study.n, series.last)")
    for round_ in (1, 2, 3):
        identifier = engine.image(ct_image()).id
        engine.python(ADOPT)
        worker = engine.worker("prepare")
        until(lambda: not engine.states().get("New"), 30, "it is prepared")
        assert stop(worker) == 0
        assert told(engine, identifier) == [f"{round_}\tat {round_}"]


def test_every_secret_of_the_settings_is_hidden_from_scripts() -> None:
    named = {row.metadata["name"]: row.metadata["kind"] for row in Environment.__dataclass_fields__.values()}
    telling = {name for name, kind in named.items() if kind.secret or name.endswith("_URL")}
    assert telling <= set(SECRETS)

"""A real worker as its unit starts it: what its processes may, and what scripts can get of that."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.router import until
from tests.builders import ct_image
from tests.routing.engine.engine import ADOPT, NODE_AND_SCRIPTS, ROOT, Engine, stop

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root may become the units' user"),
]

ROUTER, SCRIPTS = pwd.getpwnam("daemon"), pwd.getpwnam("nobody")
GRANTED = "setuid,setgid,kill"
AS_THE_UNIT = (
    *("setpriv", "--no-new-privs", "--clear-groups", f"--reuid={ROUTER.pw_uid}", f"--regid={ROUTER.pw_gid}"),
    *(f"--{kept}=-all,+{GRANTED.replace(',', ',+')}" for kept in ("inh-caps", "ambient-caps", "bounding-set")),
)
ASKS = """
    for line in io.lines('/proc/self/status') do
        if line:find('^Cap[IPEA]') then print(line) end
    end
    print('user', io.popen('id -u'):read('n'))
    os.execute('setpriv --reuid 0 --regid 0 --clear-groups touch FOLDER/by-root')
    os.execute('setpriv --reuid 2 --regid 2 --clear-groups touch FOLDER/by-another')
"""
NONE = "0" * 16
ALL = {"cap:watchdog", "cap:prepare", "cap:deliver", "cap:housekeep", "cap:rehearse"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody may enter and write to."""
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o777)
        yield Path(made)


def engine_of_the_router(folder: Path, script: str, **environment: str) -> tuple[Engine, int]:
    """Of the units' user, with one image that waits."""
    engine = Engine(folder / "engine", **environment)
    engine.python(NODE_AND_SCRIPTS, script)
    identifier = engine.image(ct_image()).id
    engine.python(ADOPT)
    for path in (engine.folder, *engine.folder.rglob("*")):
        os.chown(path, ROUTER.pw_uid, ROUTER.pw_gid)
    return engine, identifier


def told(engine: Engine, identifier: int) -> list[str]:
    until(lambda: not engine.states().get("New"), 60, f"it is prepared: {engine.said()}")
    return [
        text
        for (text,) in engine.rows("SELECT text FROM routing_itemlogline WHERE item_id = ? ORDER BY id", identifier)
    ]


def held(pid: int) -> tuple[str, set[str]]:
    """What a process is called, and its sets of capabilities but for the bounding one."""
    status = Path(f"/proc/{pid}/status").read_text()
    return status.split()[1], set(re.findall(r"^Cap(?!Bnd).*\t(.*)$", status, re.MULTILINE))


@pytest.mark.parametrize(
    ("environment", "user", "keep"),
    [
        ({}, ROUTER, set()),
        ({"CAPACITOR_SCRIPT_PROCESS": "image"}, ROUTER, set()),
        (
            {"CAPACITOR_SCRIPT_PROCESS": "image", "CAPACITOR_SCRIPT_USER": SCRIPTS.pw_name},
            SCRIPTS,
            {"cap:watchdog", "cap:prepare"},
        ),
    ],
    ids=["in the preparing process", "in a process for each image", "as a user of their own"],
)
def test_a_script_gets_no_right_of_the_worker_and_becomes_nobody_else(
    folder: Path, environment: dict[str, str], user: pwd.struct_passwd, keep: set[str]
) -> None:
    engine, image = engine_of_the_router(folder, ASKS.replace("FOLDER", str(folder)), **environment)
    worker = engine.start("queue_worker", through=AS_THE_UNIT)
    try:
        said = told(engine, image)
        assert [path.name for path in folder.iterdir()] == ["engine"]
        assert [line for line in said if line[:3] in ("Cap", "use")] == [
            *(f"{name}:\t{NONE}" for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")),
            f"user\t{user.pw_uid}",
        ]
        of_processes = until(lambda: _if_all(engine, worker), 30, "all roles run")
        assert {name for name, sets in of_processes.items() if sets != {NONE}} == keep
        assert stop(worker) == 0
    finally:
        engine.end()


def test_dry_runs_give_up_all_rights_of_who_started_them(folder: Path) -> None:
    engine, _ = engine_of_the_router(folder, "")
    with subprocess.Popen(
        [*AS_THE_UNIT, sys.executable, str(ROOT / "manage.py"), "dry_run_service"],
        env=engine.environment,
        stdin=subprocess.PIPE,
    ) as service:
        until(lambda: held(service.pid)[1] == {NONE}, 30, "no capability is left")


def _if_all(engine: Engine, worker: subprocess.Popen[bytes]) -> dict[str, set[str]]:
    found = dict(held(pid) for pid in (worker.pid, *engine.pids(worker.pid)))
    return found if found.keys() == ALL else {}

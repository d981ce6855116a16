"""The engine's own processes on a data folder of their own: started, killed, asked from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from routing.core.identifiers import Identifiers
from routing.core.instance import ReceivedInstance
from routing.spool.spool import Spool
from tests import builders
from tests.acceptance.router import accepts, kill, until
from tests.clean_environment import without_settings
from tests.fresh_database import put_fresh_database
from tests.ports import free_port
from tests.read_only import rows_of

ROOT = Path(__file__).resolve().parents[3]
NODE_AND_SCRIPTS = """
from routing.models import Node
from scripts_app.models import LuaEntry
Node.objects.create(ae_title="PACS")
for position, script in enumerate(sys.argv[1:]):
    LuaEntry.objects.create(script=script, position=position)
"""
ADOPT = """
from routing.engine.housekeeping.adopt import adopt
from routing.engine.directory import Directory
from routing.queue.spool import open_spool
adopt(open_spool(), Directory("CAPACITOR", "DCP_"), since=None)
"""


class Engine:
    """A migrated database and a spool; processes of the engine that work on them."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        put_fresh_database(folder)
        self.port = free_port()
        self.environment = {
            **without_settings(),
            "CAPACITOR_DATA_DIR": str(folder),
            "CAPACITOR_DICOM_PORT": str(self.port),
            "CAPACITOR_MIN_FREE_MIB": "0",
            "CAPACITOR_DURABLE": "none",
            "PYTHONPATH": str(ROOT),
            "TCP_NODELAY": "1",
            **environment,
        }
        self.spool = Spool(folder / "spool", "none")
        self.output = folder / "output.log"
        self._new_id = Identifiers(tag=9)
        self._processes: list[subprocess.Popen[bytes]] = []

    def python(self, code: str, *arguments: str) -> Any:
        """Run some lines with Django set up in this folder; the JSON that they print last."""
        head = "import django, json, sys; django.setup()\n"
        done = subprocess.run(
            [sys.executable, "-c", head + code, *arguments],
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "capacitor_web.settings"},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert not done.returncode, done.stderr
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None

    def start(self, *command: str, through: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start a management command; ``through`` is a program that makes itself ready and becomes it."""
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                [*through, sys.executable, str(ROOT / "manage.py"), *command],
                env=self.environment,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        self._processes.append(process)
        return process

    def listener(self) -> subprocess.Popen[bytes]:
        process = self.start("dicom_listener", "--drain", "5")
        until(lambda: accepts(self.port) or process.poll() is not None, 30, "the listener accepts")
        assert process.poll() is None, self.said()
        return process

    def worker(self, *roles: str) -> subprocess.Popen[bytes]:
        return self.start("queue_worker", *(word for role in roles for word in ("--role", role)))

    def image(self, dataset: bytes | None = None, **fields: Any) -> ReceivedInstance:
        """A file in the spool without a row."""
        return builders.received(self.spool, dataset, identifier=self._new_id(), **fields)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return rows_of(self.folder, query, *parameters)

    def states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, count(*) FROM routing_queueitem GROUP BY state"))

    def item(self, identifier: int, *columns: str) -> tuple[Any, ...]:
        return self.rows(f"SELECT {', '.join(columns)} FROM routing_queueitem WHERE id = ?", identifier)[0]

    def said(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def logs(self) -> str:
        return "".join(path.read_text() for path in (self.folder / "logs").iterdir())

    @contextlib.contextmanager
    def database_locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile."""
        connection = sqlite3.connect(self.folder / "capacitor.sqlite3", isolation_level=None, timeout=30)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    def pids(self, parent: int) -> list[int]:
        """Children of a process."""
        path = Path(f"/proc/{parent}/task/{parent}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def end(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                kill(process.pid)
            process.wait()
        until(lambda: not self._running(), 20, "all processes have ended")

    def _running(self) -> list[int]:
        mark = f"CAPACITOR_DATA_DIR={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return found


MakeEngine = Callable[..., Engine]
"""The fixture: an engine with settings of its own."""


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(60)


def host() -> str:
    return socket.gethostname()[:32]

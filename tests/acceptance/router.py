"""A whole router in its own data folder, real dcmtk peers, and questions to its database from outside."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.clean_environment import without_settings
from tests.fresh_database import put_fresh_database
from tests.ports import free_port
from tests.read_only import rows_of

ROOT = Path(__file__).resolve().parents[2]


SLOW = 5
"""How many times slower a busy machine may be than an idle one; that is no fault of what is tested."""


def until(condition: Callable[[], Any], seconds: float, what: str = "") -> Any:
    """Wait until the condition holds; what it answered.  Fails after so many seconds of an idle machine."""
    seconds *= SLOW
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {seconds} s: {what or condition}"
        select.select([], [], [], 0.05)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def dcmtk(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} of dcmtk is missing; ./check installs it"
    return found


class Sink:
    """dcmtk's storescp, which writes what it gets bit by bit."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Sink:
        self.folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            # +B keeps the data set as it comes, --unique-filenames every copy of an instance.
            [dcmtk("storescp"), "--fork", "+B", "+xa", "+uf", "-od", str(self.folder), str(self.port)],
            env={**os.environ, "TCP_NODELAY": "1"},
            start_new_session=True,
        )
        until(lambda: accepts(self.port), 10, "storescp listens")
        return self

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())


class Router:
    """``manage.py up``, or parts of it, on ports and in a folder of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.dicom_port, self.web_port = free_port(), free_port()
        self.log = folder / "router.log"
        self.environment = {
            **without_settings(),
            "CAPACITOR_DATA_DIR": str(self.data),
            "CAPACITOR_DICOM_PORT": str(self.dicom_port),
            "CAPACITOR_WEB_PORT": str(self.web_port),
            "CAPACITOR_ACCEPT_UNKNOWN_SENDERS": "1",
            "CAPACITOR_ADMIN_PASSWORD": "correct-horse-battery",
            "CAPACITOR_MIN_FREE_MIB": "0",
            "TCP_NODELAY": "1",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=check,
        )

    def configure(self, **files: str) -> None:
        """Write a configuration directory (nodes, lua: names without .yml) and import it."""
        folder = self.folder / "configuration"
        folder.mkdir(exist_ok=True)
        (folder / "config.yml").write_text("filters: lua\n")
        for name, text in files.items():
            (folder / f"{name}.yml").write_text(text)
        if "DATABASE_URL" in self.environment:
            self.manage("migrate", "--noinput")
        elif not (self.data / "capacitor.sqlite3").exists():
            put_fresh_database(self.data)
        done = self.manage("import_config", str(folder), check=False)
        assert not done.returncode, done.stdout + done.stderr

    def start(self) -> Router:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "up"],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        process = self._process
        until(lambda: accepts(self.dicom_port) or process.poll() is not None, 30, "the listener accepts")
        assert process.poll() is None, self.log.read_text()
        return self

    def site(self) -> str:
        """The address of the site, which may come up after the listener."""
        until(lambda: accepts(self.web_port), 30, "the site answers")
        return f"http://127.0.0.1:{self.web_port}"

    def stop(self) -> int:
        """SIGTERM, as a service manager does; the exit code."""
        assert self._process is not None
        self._process.terminate()
        code = self._process.wait(60)
        self._process = None
        return code

    def reap(self) -> None:
        """Take note that the supervisor was killed."""
        assert self._process is not None
        self._process.wait(10)
        self._process = None

    def end(self) -> None:
        """Whatever still runs, at the end of a test."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for pid in self.pids():
            kill(pid)
        until(lambda: not self.pids(), 10, "all processes have ended")

    def pids(self, *, containing: str = "manage.py") -> list[int]:
        """Processes of this router whose command line contains a text; told by its data folder in their environment."""
        mark = f"CAPACITOR_DATA_DIR={self.data}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                        if containing in command or (containing == "manage.py" and "daphne" in command):
                            found.append(int(entry.name))
                except OSError:
                    continue
        return sorted(found)

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return rows_of(self.data, query, *parameters)

    def states(self) -> dict[str, int]:
        return dict(self.rows("SELECT state, count(*) FROM routing_queueitem GROUP BY state"))

    def waiting(self) -> int:
        return sum(count for state, count in self.states().items() if state in ("New", "Prepared"))

    def settled(self, items: int, seconds: float = 60) -> None:
        """Wait until so many items exist and none of them waits any more."""
        until(lambda: sum(self.states().values()) >= items and not self.waiting(), seconds, f"{items} items settled")

    def send(
        self, files: Sequence[Path | str], called: str, *options: str, calling: str = "STORESCU", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """dcmtk's storescu over one association."""
        command = [
            dcmtk("storescu"),
            "-v",
            "-aet",
            calling,
            "-aec",
            called,
            *options,
            "127.0.0.1",
            str(self.dicom_port),
        ]
        sent = subprocess.run(
            [*command, *map(str, files)], env=self.environment, capture_output=True, text=True, timeout=300
        )
        if check:
            assert not sent.returncode, sent.stderr + self.log.read_text()
        return sent


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def storage_node(ae_title: str, port: int, *more: str) -> str:
    """One entry of nodes.yml, with short retries so that tests need not wait."""
    lines = [
        f"- AeTitle: {ae_title}",
        "  HostName: 127.0.0.1",
        f"  Port: {port}",
        "  NodeRole: Storage",
        *(f"  {line}" for line in more),
    ]
    return "\n".join(lines) + "\n"

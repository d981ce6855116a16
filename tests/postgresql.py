"""A private PostgreSQL server for one test: in a folder of its own, without a network, restarted at will."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


def program(name: str) -> Path | None:
    """One of the server's programs, which Debian keeps out of the search path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    on_path = shutil.which(name)
    return found[-1] if found else Path(on_path) if on_path else None


@dataclass
class Cluster:
    """Listens to a socket in its own folder only."""

    folder: Path
    user: list[str]
    """What comes before a command so that it does not run as root, which the server refuses."""

    @property
    def url(self) -> str:
        return f"postgres://capacitor@/postgres?host={self.folder}"

    def run(self, *command: str | Path) -> None:
        # No pipe: the server keeps what it inherits open, and who reads it would wait for ever.
        said = self.folder / "output"
        with said.open("ab") as output:
            done = subprocess.run(
                [*self.user, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                timeout=120,
            )
        assert not done.returncode, f"{command}: {said.read_text()[-500:]}"

    def control(self, *words: str | Path) -> None:
        """pg_ctl, until it is done."""
        control = program("pg_ctl")
        assert control is not None
        self.run(control, "-D", self.folder / "data", "-w", *words)

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        self.control("-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self.control("-m", mode, "stop")


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A running one; skips the test where the server is not installed."""
    initdb = program("initdb")
    if initdb is None or program("pg_ctl") is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    # Not below pytest's own folder: each run that begins closes that to everybody else.
    with tempfile.TemporaryDirectory(prefix="capacitor-postgresql-") as name:
        yield from _running(Path(name), initdb)


def _running(folder: Path, initdb: Path) -> Iterator[Cluster]:
    user: list[str] = []
    if os.geteuid() == 0:
        user = ["runuser", "-u", "nobody", "--"]
        shutil.chown(folder, "nobody")
    made = Cluster(folder, user)
    made.run(initdb, "-D", folder / "data", "-U", "capacitor", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
    made.start()
    try:
        yield made
    finally:
        with contextlib.suppress(AssertionError):
            made.stop()

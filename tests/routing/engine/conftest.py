"""Engines on folders of their own, stopped at the end whatever happened; the database is migrated once."""

import dataclasses
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from routing.engine import prepare
from routing.engine import process as processes
from tests.builders import node
from tests.routing.engine.engine import ROOT, Engine
from tests.routing.engine.preparation import Preparation


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("migrated")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CAPACITOR_", "DATABASE_URL", "DJANGO_"))}
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--noinput", "--verbosity=0"],
        env={**kept, "CAPACITOR_DATA_DIR": str(folder)},
        cwd=ROOT,
        check=True,
    )
    return folder / "capacitor.sqlite3"


@pytest.fixture
def make_engine(tmp_path: Path, migrated_database: Path) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def make(**environment: str) -> Engine:
        made.append(Engine(tmp_path / f"engine{len(made)}", migrated_database, **environment))
        return made[-1]

    yield make
    for engine in made:
        engine.end()


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preparation:
    """A preparer and a node; a batch is recorded as a whole, however slow the machine is."""
    node("PACS")
    monkeypatch.setattr(prepare, "_FLUSH", math.inf)
    return Preparation(tmp_path)


@pytest.fixture
def process_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The data folder of engine processes that are entered in the test's own."""
    monkeypatch.setattr(settings, "CAPACITOR", dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path))
    monkeypatch.setattr(processes.application_log, "start", lambda *_: None)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    umask = os.umask(0o022)
    yield tmp_path
    os.umask(umask)
    for number, handler in handlers.items():
        signal.signal(number, handler)

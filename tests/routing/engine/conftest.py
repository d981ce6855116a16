"""Engines on folders of their own, stopped at the end whatever happened."""

import dataclasses
import math
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from routing.engine import process as processes
from routing.engine.preparing import prepare
from routing.engine.transcoding.transcode import Transcoder
from routing.spool.spool import Spool
from tests.builders import node
from tests.routing.engine.engine import Engine
from tests.routing.engine.preparing.preparation import Preparation


@pytest.fixture
def make_engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def make(**environment: str) -> Engine:
        made.append(Engine(tmp_path / f"engine{len(made)}", **environment))
        return made[-1]

    yield make
    for engine in made:
        engine.end()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", "none")


@pytest.fixture(scope="module")
def transcoder() -> Iterator[Transcoder]:
    running = Transcoder(seconds=60, memory_mib=4096)
    yield running
    running.close()


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
    monkeypatch.setattr(processes.application_log, "start", lambda *_, **__: None)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    umask = os.umask(0o022)
    yield tmp_path
    os.umask(umask)
    for number, handler in handlers.items():
        signal.signal(number, handler)

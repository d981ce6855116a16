"""A router and sinks for one test, stopped at its end whatever happened."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pynetdicom import _config

from tests.acceptance.peers import TOOLKIT
from tests.acceptance.router import Router, Sink


@pytest.fixture(autouse=True)
def toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests need a toolkit that takes only what it was told to take."""
    for name, value in TOOLKIT.items():
        monkeypatch.setattr(_config, name, value)


@pytest.fixture
def make_router(tmp_path: Path) -> Iterator[Callable[..., Router]]:
    made: list[Router] = []

    def make(**environment: str) -> Router:
        folder = tmp_path / f"router{len(made)}"
        folder.mkdir()
        made.append(Router(folder, **environment))
        return made[-1]

    yield make
    for router in made:
        router.end()
        # Shown where the test has failed: its folder goes.
        print(router.log.read_text() if router.log.exists() else "", end="")


@pytest.fixture
def make_sink(tmp_path: Path) -> Iterator[Callable[..., Sink]]:
    made: list[Sink] = []

    def make(name: str) -> Sink:
        made.append(Sink(tmp_path / name))
        return made[-1]

    yield make
    for sink in made:
        sink.stop()

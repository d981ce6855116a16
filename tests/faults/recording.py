"""What tests say about faults while they run: the marker, what was seen, and the report of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cases import CASES
from tests.faults.headline import NAMES

FAULT, SEEN, FIGURES = "fault", "seen", "figures"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--full", action="store_true", help="large counts, as in `python -m tests.faults --full`")
    group.addoption("--faults", metavar="FILE", help="write what was seen in each case of tests/faults as JSON")
    group.addoption("--case", metavar="N", type=int, action="append", help="only tests of this fault; can be repeated")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--faults"):
        config.pluginmanager.register(_Report(Path(config.getoption("--faults"))), "faults-report")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for number, done in faults_of(item):
            if number not in CASES or not isinstance(done, str):
                raise pytest.UsageError(f"{item.nodeid}: fault({number!r}, {done!r}) is none of tests/faults/cases.txt")
    wanted = set(config.getoption("--case") or ())
    if wanted:
        chosen = [item for item in items if wanted & {number for number, _ in faults_of(item)}]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def faults_of(item: pytest.Item) -> Iterator[tuple[Any, Any]]:
    """Number and what is done, for each marker; what is done may be empty where the test's name says it."""
    for marker in item.iter_markers(FAULT):
        number, done, *_ = (*marker.args, "", "")
        yield number, done


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # Properties travel with the reports, also out of the processes of xdist.
    item.user_properties += [(FAULT, pair) for pair in faults_of(item)]


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[..., None]:
    """
    Say for docs/faults.md what was seen or measured: ``seen("3 of 3 delivered", acknowledged=3, lost=0)``.

    Names of figures are those of tests/faults/headline.py, which puts those of all tests together.
    """

    def say(text: str, **figures: float) -> None:
        assert figures.keys() <= NAMES, f"no figure of tests/faults/headline.py: {figures.keys() - NAMES}"
        request.node.user_properties += [(SEEN, " ".join(text.split())), (FIGURES, figures)]

    return say


@pytest.fixture
def effort(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Choose a count: ``effort(20, 200)`` is 20 in ./check and 200 in the full run."""
    full = request.config.getoption("--full")
    return lambda short, long: long if full else short


class _Report:
    """Collects in the process that started the run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tests: dict[str, dict[str, Any]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # What a run that is broken off never came to must be known: half of a case's tests say nothing about it.
        for item in session.items:
            if faults := list(faults_of(item)):
                self._test(item.nodeid, faults)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        faults = [value for key, value in report.user_properties if key == FAULT]
        if not faults:
            return
        test = self._test(report.nodeid, faults)
        test["seen"] = [value for key, value in report.user_properties if key == SEEN]
        for key, value in report.user_properties:
            if key == FIGURES:
                test["figures"] |= value
        test["seconds"] += report.duration
        if report.skipped and test["outcome"] != "failed":
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            test |= {"outcome": "skipped", "why": why.removeprefix("Skipped: ")}
        if report.failed:
            test |= {"outcome": "failed", "why": ""}
        if report.when == "teardown" and test["outcome"] == "unfinished":
            test["outcome"] = "passed"

    def _test(self, nodeid: str, faults: list[Any]) -> dict[str, Any]:
        new = {"test": nodeid, "faults": faults, "seen": [], "figures": {}, "outcome": "unfinished", "why": ""}
        return self._tests.setdefault(nodeid, new | {"seconds": 0.0})

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps(list(self._tests.values())), encoding="utf-8")

"""Files that scripts cannot edit as they stand: to write them anew takes the time of their size, not of a script."""

from types import SimpleNamespace
from typing import Any

import pytest

from routing.engine.preparing import prepare
from routing.engine.watching import watch
from routing.engine.watching.watchdog import FILE_MESSAGE
from scripts_app.core.dataset import opening
from tests.builders import ct_image, lua_entry, node
from tests.routing.engine.preparing.preparation import Preparation
from tests.routing.engine.preparing.test_images import DEFLATED, deflated

pytestmark = pytest.mark.django_db


class Slow:
    """A clock that goes on where files are written and where scripts run; what the watchdog thought of it."""

    def __init__(self, work: Preparation, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work, self.now = work, 0.0
        self.seen: list[tuple[str, bool]] = []
        self.renewed = 0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(watch, "time", clock)
        for module, name, seconds in (
            (opening, "normalised", 50),
            (prepare, "run_entries", 10),
            (opening, "write_part10", 50),
        ):
            monkeypatch.setattr(module, name, self._slow(getattr(module, name), name, seconds))
        self._renew = prepare.renew
        monkeypatch.setattr(prepare, "renew", self._renewing)

    def _slow(self, real: Any, name: str, seconds: float) -> Any:
        def slowly(*arguments: Any, **named: Any) -> Any:
            self.now += seconds
            self.seen.append((name, self.work.watch.overdue))
            return real(*arguments, **named)

        return slowly

    def _renewing(self, *about: Any) -> None:
        self.renewed += 1
        self._renew(*about)


def test_a_large_file_may_take_longer_than_a_script(work: Preparation, monkeypatch: pytest.MonkeyPatch) -> None:
    node("AI")
    lua_entry("dataset:Set('PatientID', 'OWN')\nroute:Add('AI', function(ds) ds:Set('PatientID', 'COPY') end)")
    slow = Slow(work, monkeypatch)
    done = work.prepared(deflated(ct_image()), syntax=DEFLATED)
    assert done.state == "Prepared"
    written = [("write_part10", False)] * 2
    assert slow.seen == [("normalised", False), ("run_entries", False), *written]
    # Leases that nobody renews for so long are taken back.
    assert slow.renewed == 3


def test_of_a_file_that_takes_too_long_no_script_is_said_to_be_to_blame(
    work: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lua_entry("dataset:Set('PatientID', 'OWN')")
    slow = Slow(work, monkeypatch)
    work.watch.begin(7, 10)
    work.watch.at(2, 1)
    work.watch.begin(7, 60, with_file=True)
    assert (work.watch.with_file, work.watch.place) == (True, (2, 1))
    slow.now += 61
    assert work.watch.overdue
    assert "script exceeded" not in FILE_MESSAGE
    work.watch.begin(7, 10)
    assert not work.watch.with_file

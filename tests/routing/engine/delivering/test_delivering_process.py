"""The end of the delivering process where the database takes nothing."""

import os
import signal
from typing import Any

import pytest
from django.db import OperationalError

from routing.engine.delivering import process as delivering
from routing.engine.delivering.deliver import Deliverer
from routing.engine.settling import settle_departed
from routing.engine.watching.watch import Watch
from routing.folders import run_folder
from routing.processes.presence import Presence, owners
from routing.queue.spool import open_spool
from tests.builders import fresh
from tests.routing.engine.dead_process import held

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("process_folder")]


def test_a_stop_that_cannot_record_an_answer_leaves_it_to_the_next_process_and_says_why(
    monkeypatch: Any, caplog: Any
) -> None:
    """The last transaction gives way in a deadlock, say; the image was sent a second time."""
    open_spool()
    presences: list[Presence] = []

    def step(deliverer: Deliverer) -> bool:
        item = held("Prepared", deliverer._owner)
        deliverer._journal(item.pk, 0)
        items.append(item)
        signal.raise_signal(signal.SIGTERM)
        return True

    def stop(deliverer: Deliverer, drain_seconds: float) -> None:
        raise OperationalError("deadlock detected")

    def begun(folder: Any) -> Presence:
        presences.append(Presence(folder))
        return presences[0]

    items: list[Any] = []
    monkeypatch.setattr(Deliverer, "step", step)
    monkeypatch.setattr(Deliverer, "stop", stop)
    monkeypatch.setattr("routing.engine.process.Presence", begun)
    delivering.run(Watch(), None)
    (item,), (presence,) = items, presences
    assert "the database cannot be used: deadlock detected" in caplog.text
    assert owners(run_folder()) == [presence.owner]
    # As the end of the process does.
    os.close(presence._fd)
    settle_departed()
    assert (fresh(item).state, fresh(item).lease_owner) == ("Delivered", "")

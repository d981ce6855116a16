"""queue_status tells programs and people the same numbers."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from routing.models import ServiceProcess
from tests.builders import node, queue_item

pytestmark = pytest.mark.django_db


def status(*options: str) -> str:
    out = StringIO()
    call_command("queue_status", *options, stdout=out)
    return out.getvalue()


def as_json() -> Any:
    return json.loads(status("--json"))


def test_an_empty_queue_has_every_state_with_zero_and_nothing_waiting() -> None:
    assert as_json() == {
        "states": dict.fromkeys(("New", "Prepared", "Failed", "Rejected", "Expired", "Delivered", "Dropped"), 0),
        "destinations": {},
        "oldest_waiting_seconds": None,
        "start": {"at": None, "adopted": None, "missing": None, "given_back": 0, "recorded": 0},
        "unreadable": {"count": 0, "files": []},
    }


def test_it_tells_what_the_last_start_found_and_put_right() -> None:
    at = timezone.now()
    found = {
        "housekeep": {"adopted": 3, "missing": 1, "freed": 4, "unreadable": 2, "unreadable_files": ["7.dcm", "8.dcm"]},
        "deliver": {"recorded": 2, "freed": 1},
        "prepare": {},
    }
    for role, detail in found.items():
        ServiceProcess.objects.create(
            owner=role, role=role, host="here", pid=1, started_at=at, seen_at=at, detail=detail
        )
    assert as_json()["start"] == {"at": at.isoformat(), "adopted": 3, "missing": 1, "given_back": 5, "recorded": 2}
    assert as_json()["unreadable"] == {"count": 2, "files": ["7.dcm", "8.dcm"]}
    said = status().splitlines()[-1]
    assert said == (
        "at the last start: 3 adopted (a file without a row), 1 failed (the file is missing),"
        " 5 given back (their process had died), 2 recorded as sent by a process that had died;"
        " now 2 in no queue (the log says why)"
    )


def test_of_a_stopped_service_it_does_not_say_that_nobody_has_compared_yet() -> None:
    assert status().splitlines()[-1] == "at the last start: not known, for the service is stopped"
    at = timezone.now()
    ServiceProcess.objects.create(owner="d", role="deliver", host="here", pid=1, started_at=at, seen_at=at)
    assert status().splitlines()[-1] == "at the last start: not compared yet"


def test_items_are_counted_by_state_and_by_destination() -> None:
    pacs = node()
    for state in ("New", "New", "Delivered"):
        queue_item(state, node=pacs)
    queue_item("Failed", destination_ae_title="AI")
    found = as_json()
    assert found["states"]["New"] == 2 and sum(found["states"].values()) == 4
    assert found["destinations"] == {"AI": {"Failed": 1}, "PACS": {"Delivered": 1, "New": 2}}


def test_the_oldest_that_waits_is_new_or_prepared_not_failed_or_done() -> None:
    now = timezone.now()
    queue_item("Failed", created_at=now - timedelta(days=2))
    queue_item("Delivered", created_at=now - timedelta(days=1))
    queue_item("Prepared", created_at=now - timedelta(hours=2, minutes=5))
    queue_item("New", created_at=now)
    assert as_json()["oldest_waiting_seconds"] == pytest.approx(7500, abs=30)


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    queue_item("New", created_at=timezone.now() + timedelta(hours=1))
    assert as_json()["oldest_waiting_seconds"] == 0


def test_people_get_a_line_for_each_destination_and_the_totals() -> None:
    queue_item("New", created_at=timezone.now() - timedelta(hours=2, minutes=5, seconds=30))
    queue_item("Failed", destination_ae_title="AI_SERVER")
    lines = status().splitlines()
    assert lines[0].split() == [
        "destination",
        "New",
        "Prepared",
        "Failed",
        "Rejected",
        "Expired",
        "Delivered",
        "Dropped",
    ]
    assert lines[1].split() == ["AI_SERVER", "0", "0", "1", "0", "0", "0", "0"]
    assert lines[3].split() == ["all", "1", "0", "1", "0", "0", "0", "0"]
    assert lines[4] == "the oldest item that waits came 2 h 5 min ago"
    assert len({len(line) for line in lines[:4]}) == 1

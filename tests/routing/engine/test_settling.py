"""How a process puts right what a dead one left."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from routing.engine import settling
from routing.engine.process import EngineProcess
from routing.engine.settling import settle_departed
from routing.engine.watching.watch import Casualty
from routing.folders import run_folder
from routing.models import HistoryEntry, ItemLogLine, Lane, PrepareReport, Rehearsal, ServiceProcess
from routing.processes.presence import owners
from tests.builders import fresh, lua_entry, node, queue_item
from tests.routing.engine.dead_process import DEAD, died, held

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("process_folder")]


def test_what_a_dead_process_held_is_freed_and_what_it_sent_is_recorded() -> None:
    pacs = node()
    sent, waiting = held("Prepared", node=pacs), held("Prepared", node=pacs)
    new = held(prepare_starts=2)
    Lane.objects.create(key="1.2.3", owner=DEAD, until=timezone.now() + timedelta(minutes=1))
    ServiceProcess.objects.create(
        owner=DEAD, role="deliver", host="host", pid=7, started_at=timezone.now(), seen_at=timezone.now()
    )
    died(b"%d\n%d\n%d" % (sent.id, sent.id, waiting.id))
    settle_departed()
    assert [(fresh(item).state, fresh(item).lease_owner) for item in (sent, waiting, new)] == [
        ("Delivered", ""),
        ("Prepared", ""),
        ("New", ""),
    ]
    entry = HistoryEntry.objects.get()
    assert (entry.item_id, entry.event, entry.actor) == (sent.id, "delivered", "recovery")
    assert [fresh(item).attempt_count for item in (sent, waiting)] == [1, 0]
    # Nobody knows which of them ended the process.
    assert fresh(new).prepare_starts == 2
    assert not Lane.objects.exists()
    assert not ServiceProcess.objects.exists()
    assert owners(run_folder()) == []
    settle_departed()
    assert HistoryEntry.objects.count() == 1


def test_what_the_node_answered_to_a_dead_process_counts_and_no_longer_what_it_answered_before() -> None:
    pacs = node()
    before = {"last_error": "PACS answered 0xA700", "last_status": 0xA700}
    fine, warned = held("Prepared", node=pacs, **before), held("Prepared", node=pacs, **before)
    died(b"%d\n%d 45056\n" % (fine.id, warned.id))
    settle_departed()
    told = [(item.state, item.warning, item.last_status, item.last_error) for item in map(fresh, (fine, warned))]
    words = "answered 0xB000 (Warning: Coercion of Data Elements)"
    assert told == [("Delivered", False, 0, ""), ("Delivered", True, 0xB000, words)]
    notes = list(HistoryEntry.objects.order_by("item_id").values_list("note", flat=True))
    assert notes == [why := "the sender ended before it could record this", f"{why}; {words}"]


def test_what_a_dead_process_may_have_sent_says_so() -> None:
    """A power cut takes the journal, too: what the node had taken just before arrives twice."""
    pacs = node()
    sent, in_hand = held("Prepared", node=pacs), held("Prepared", node=pacs)
    held(prepare_starts=1)
    queue_item("Prepared", node=pacs)
    died(b"%d\n" % sent.id)
    settle_departed()
    line = ItemLogLine.objects.get()
    assert (line.item_id, line.level, line.source) == (in_hand.id, "warning", "router")
    assert f"process {DEAD} ended with it in hand: the image may have been sent already" in line.text


def test_of_what_somebody_has_dropped_meanwhile_nothing_says_that_it_is_sent_again() -> None:
    dropped = held("Prepared", node=node(), pending_state="Dropped")
    died()
    settle_departed()
    assert fresh(dropped).state == "Dropped"
    text = ItemLogLine.objects.get(item=dropped).text
    assert "may have been sent already" in text and "is sent again" not in text


def test_a_living_process_is_left_alone() -> None:
    with EngineProcess("prepare") as process:
        item = held(owner=process.owner)
        settle_departed()
        assert fresh(item).lease_owner == process.owner


def test_settling_that_fails_is_tried_again_by_the_next(monkeypatch: Any) -> None:
    item = held()
    died()

    def away(*_: Any, **__: Any) -> int:
        raise OperationalError("away")

    with monkeypatch.context() as patched:
        patched.setattr(settling, "give_back", away)
        with pytest.raises(OperationalError):
            settle_departed()
    assert fresh(item).lease_owner == DEAD
    settle_departed()
    assert fresh(item).lease_owner == ""


def test_a_casualty_fails_its_item_alone_and_its_batch_mates_go_back_uncounted() -> None:
    guilty, mate = held(prepare_starts=1), held(prepare_starts=1)
    died()
    settle_departed(Casualty(DEAD, guilty.id, "script exceeded its limit of 10 s"))
    assert (fresh(guilty).state, fresh(guilty).last_error) == ("Failed", "script exceeded its limit of 10 s")
    assert (fresh(mate).state, fresh(mate).prepare_starts, fresh(mate).lease_owner) == ("New", 0, "")
    assert fresh(mate).last_error == ""
    entry = HistoryEntry.objects.get()
    assert (entry.item_id, entry.actor, entry.note) == (guilty.id, "watchdog", "script exceeded its limit of 10 s")
    # Nobody else would report the run, and its version would look better than it is.
    report = PrepareReport.objects.get()
    assert (report.item_id, report.verdict, report.errors) == (guilty.id, "failed", 1)
    assert report.script_version is not None


def test_the_report_of_a_casualty_tells_which_entry_it_was_in() -> None:
    for script in ("print(1)", "print(2)", "print(3)"):
        lua_entry(script)
    guilty = held(prepare_starts=1)
    died()
    settle_departed(Casualty(DEAD, guilty.id, "script exceeded its limit of 10 s", (2, 1)))
    said = "entry 2: script exceeded its limit of 10 s"
    report = PrepareReport.objects.get()
    assert (fresh(guilty).last_error, report.message, HistoryEntry.objects.get().note) == (said, said, said)
    assert [(entry["number"], entry["status"], entry["reason"]) for entry in report.entries] == [
        (2, "error", "script exceeded its limit of 10 s"),
        (3, "skipped", "not reached: entry 2 stopped the pipeline"),
    ]


def test_a_casualty_in_a_route_function_has_run_every_entry() -> None:
    lua_entry("print(1)")
    lua_entry("print(2)")
    guilty = held(prepare_starts=1)
    died()
    settle_departed(Casualty(DEAD, guilty.id, "it ended the process", (1, 2)))
    assert [entry["number"] for entry in PrepareReport.objects.get().entries] == [1]


def test_a_casualty_that_was_killed_from_outside_stays_new_and_counted() -> None:
    hurt, mate = held(prepare_starts=1), held(prepare_starts=1)
    died()
    settle_departed(Casualty(DEAD, hurt.id, ""))
    assert [(fresh(i).state, fresh(i).prepare_starts) for i in (hurt, mate)] == [("New", 1), ("New", 0)]
    assert not HistoryEntry.objects.exists()


def test_a_casualty_whose_worker_another_process_has_settled_fails_all_the_same() -> None:
    guilty = queue_item("New", prepare_starts=1)
    settle_departed(Casualty(DEAD, guilty.id, "it ended the process"))
    assert (fresh(guilty).state, fresh(guilty).last_error) == ("Failed", "it ended the process")


def test_a_casualty_whose_result_was_recorded_keeps_it() -> None:
    done = queue_item("Prepared")
    settle_departed(Casualty(DEAD, done.id, "it ended the process"))
    assert (fresh(done).state, fresh(done).last_error) == ("Prepared", "")


def test_the_log_tells_who_was_settled(caplog: pytest.LogCaptureFixture) -> None:
    held()
    died()
    with caplog.at_level(logging.WARNING):
        settle_departed()
    assert f"process {DEAD} had ended: 0 items it had sent are recorded, 1 given back" in caplog.text


def test_a_rehearsal_in_the_hands_of_a_dead_process_is_free_at_once() -> None:
    until = timezone.now() + timedelta(minutes=3)
    values = {"kind": "past", "state": "running", "content": {}, "created_by": "anna", "until": until}
    taken = Rehearsal.objects.create(owner=DEAD, **values)
    other = Rehearsal.objects.create(owner="another", **values)
    died()
    settle_departed()
    assert list(Rehearsal.objects.order_by("pk").values_list("owner", flat=True)) == ["", "another"]
    assert {taken.pk, other.pk} == set(Rehearsal.objects.values_list("pk", flat=True))

"""Preparing in trouble: lost files, power cuts and faults of our own cost no other item."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from routing.engine.preparing import batch as batches
from routing.engine.preparing import prepare as preparing
from routing.models import (
    PrepareReport,
    QueueItem,
)
from routing.queue.claims import claim_unprepared
from routing.queue.giving_back import give_back
from tests.builders import ct_image, lua_entry, node
from tests.routing.engine.preparing.preparation import OWNER, Preparation, copies_of, item, log_lines, study_table

pytestmark = pytest.mark.django_db


def test_a_missing_file_fails_its_item_only(work: Preparation) -> None:
    lua_entry("print('x')")
    missing, good = work.image(), work.image()
    work.spool.discard(missing)
    assert work.step() == 2
    assert (item(missing).state, item(missing).last_error) == ("Failed", "the received file is missing from the spool")
    assert item(good).state == "Prepared"


def test_a_file_that_cannot_be_read_fails_its_item_only(work: Preparation) -> None:
    lua_entry("print('x')")
    broken, good = work.image(b"\x10\x00\x20\x00LO\xff\xff"), work.image()
    assert work.step() == 2
    assert item(broken).state == "Failed"
    assert "DatasetError" in item(broken).last_error
    assert item(good).state == "Prepared"


def test_an_error_of_our_own_fails_one_item_keeps_its_traceback_and_tells_the_log_no_patient(
    work: Preparation, monkeypatch: Any, caplog: Any
) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    bad, good = work.image(ct_image(PatientID="BAD")), work.image()
    really = preparing.run_entries

    def faulty(scripts: Any, image: Any, *rest: Any, **named: Any) -> Any:
        if image.document.identity().patient_id == "BAD":
            raise ZeroDivisionError("for patient DOE^JANE")
        return really(scripts, image, *rest, **named)

    monkeypatch.setattr(preparing, "run_entries", faulty)
    assert work.step() == 2
    assert (item(bad).state, item(bad).last_error) == ("Failed", "ZeroDivisionError: for patient DOE^JANE")
    assert item(good).state == "Prepared"
    (line,) = log_lines(item(bad))
    assert line[:2] == ("error", "router")
    assert "Traceback" in line[2]
    assert re.search(
        rf"item {bad} could not be prepared: ZeroDivisionError in {Path(__file__).name}, line \d+", caplog.text
    )
    assert "DOE" not in caplog.text
    assert study_table() == {"n": 1}


def test_an_error_after_the_scripts_keeps_what_they_said_and_no_half_of_the_item(
    work: Preparation, monkeypatch: Any, caplog: Any
) -> None:
    node("AI")
    lua_entry("study.n = (study.n or 0) + 1 print('n', study.n) log:warn('here') route:Add('AI')")
    first, second = work.image(), work.image()
    copy = batches.Batch._copy
    calls = iter([ZeroDivisionError])

    def faulty(*arguments: Any) -> Any:
        if error := next(calls, None):
            raise error
        return copy(*arguments)

    monkeypatch.setattr(batches.Batch, "_copy", faulty)
    assert work.step() == 2
    assert [item(i).state for i in (first, second)] == ["Failed", "Prepared"]
    assert copies_of(item(first)) == {}
    assert set(copies_of(item(second))) == {"AI"}
    assert study_table() == {"n": 1}
    assert [line[:2] for line in log_lines(item(first))] == [("info", "script"), ("error", "router")]
    assert log_lines(item(first))[0][2] == "n\t1"
    assert [record.message for record in caplog.records if record.name == "capacitor.lua"] == ["[lua] here"] * 2


def test_an_item_whose_preparation_never_ends_is_given_up(work: Preparation) -> None:
    lua_entry("print('x')")
    identifier = work.image()
    QueueItem.objects.update(prepare_starts=4)
    other = work.image()
    QueueItem.objects.filter(id=other).update(prepare_starts=5)
    assert [work.step(), work.step()] == [1, 1]
    assert item(identifier).state == "Prepared"
    assert (item(other).state, item(other).last_error) == ("Failed", "its preparation began 5 times and never ended")


def power_cut() -> None:
    """A batch is claimed, and neither worker nor watchdog is left to say which of it was in hand."""
    assert claim_unprepared(OWNER, 64, lanes=True)
    give_back(OWNER, begun=None)


@pytest.mark.fault(75, "beside images whose batch was in hand when everything died, as often")
def test_images_of_a_batch_that_met_five_power_cuts_are_prepared_but_for_the_one_always_in_hand(
    work: Preparation,
) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    images = [work.image() for _ in range(20)]
    for _ in range(5):
        power_cut()
    while work.step():
        pass
    assert [item(i).state for i in images] == ["Failed"] + ["Prepared"] * 19
    assert item(images[0]).last_error == "its preparation began 5 times and never ended"
    assert study_table() == {"n": 19}
    assert {item(i).prepare_starts for i in images} == {0}


def test_after_an_image_that_was_taken_alone_the_next_is_not_waited_for(work: Preparation) -> None:
    for _ in range(2):
        work.image()
    power_cut()
    work.image()
    assert [(work.step(), work.preparer.alone) for _ in range(3)] == [(1, True), (1, True), (1, False)]


def test_a_power_cut_at_each_image_of_a_batch_fails_none(work: Preparation) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    images = [work.image() for _ in range(20)]
    claimed = []
    for _ in images:
        power_cut()
        claimed.append(work.step())
    assert claimed == [1] * 20
    assert {item(i).state for i in images} == {"Prepared"}


def test_an_image_that_its_script_puts_off_is_no_suspect_when_it_comes_again(work: Preparation) -> None:
    lua_entry("retry('later')")
    images = [work.image() for _ in range(3)]
    power_cut()
    assert [work.step() for _ in range(4)] == [1, 1, 1, 0]
    QueueItem.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert work.step() == 3
    assert {item(i).prepare_starts for i in images} == {0}


def test_one_item_that_cannot_be_recorded_is_found_and_given_up_and_the_others_go_on(
    work: Preparation, monkeypatch: Any, caplog: Any
) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    images = [work.image(ct_image(PatientID=name)) for name in ("A", "POISON", "B")]
    really = batches.insert

    def refusing(model: Any, rows: Any, **options: Any) -> Any:
        if model is PrepareReport and any(row["item_id"] == images[1] for row in rows):
            raise ValueError("cannot store DOE^JANE")
        return really(model, rows, **options)

    monkeypatch.setattr(batches, "insert", refusing)
    for _ in range(12):
        work.step()
    assert [item(i).state for i in images] == ["Prepared", "Failed", "Prepared"]
    assert item(images[1]).last_error == "its preparation began 5 times and never ended"
    assert study_table() == {"n": 2}
    assert "cannot be recorded" in caplog.text
    assert "DOE" not in caplog.text


def test_hostile_values_of_scripts_hold_up_nobody(work: Preparation) -> None:
    lua_entry(
        "print('a\\0b\\xff') dataset:Set('AccessionNumber', string.rep('x', 16)) study.x = 0/0 study.y = '\\xff\\0'"
    )
    done = work.prepared(ct_image(PatientName="X" * 300))
    assert done.state == "Prepared"
    assert log_lines(done)[0][2].startswith("ab")
    assert item(done.id).patient_name == "X" * 300


def test_the_watchdog_sees_which_item_is_in_hand(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("print('x')")
    identifier = work.image()
    seen = []
    really = preparing.run_entries

    def watched(*arguments: Any, **named: Any) -> Any:
        seen.append((work.watch.item_id, work.watch.overdue))
        return really(*arguments, **named)

    monkeypatch.setattr(preparing, "run_entries", watched)
    work.step()
    assert seen == [(identifier, False)]
    assert work.watch.item_id is None

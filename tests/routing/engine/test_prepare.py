"""Preparing one batch: what the scripts wanted happens, all of it or nothing, and the story is kept."""

import logging
import math
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from routing.claims import claim_unprepared, give_back
from routing.core.states import QueueEvent
from routing.engine import batch as batches
from routing.engine import prepare as preparing
from routing.models import (
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    Lane,
    PrepareReport,
    QueueItem,
    ScopedState,
)
from routing.record import record_for
from scripts_app.core.dataset.recipe import Recipe
from scripts_app.models import LuaLibrary
from tests.builders import ct_image, lua_entry, node
from tests.routing.engine.preparation import OWNER, Preparation, copies_of, item

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preparation:
    node("PACS")
    # A batch is recorded as a whole, however slow the machine is.
    monkeypatch.setattr(preparing, "_FLUSH", math.inf)
    return Preparation(tmp_path)


def log_lines(of: QueueItem) -> list[tuple[str, str, str]]:
    return list(ItemLogLine.objects.filter(item=of).values_list("level", "source", "text"))


def study_table(uid: str = "1.2.3") -> Any:
    return ScopedState.objects.get(scope="study", uid=uid).values


def test_without_scripts_an_image_goes_out_as_it_came_and_its_file_is_not_even_opened(work: Preparation) -> None:
    identifier = work.image()
    work.spool.discard(identifier)
    assert work.step() == 1
    done = item(identifier)
    assert (done.state, done.recipe, done.prepared_file, done.lease_owner) == ("Prepared", None, "", "")
    assert done.prepared_at is not None
    assert not PrepareReport.objects.exists()
    assert work.nudged == 1
    assert work.step() == 0


def test_edits_become_a_recipe_and_the_row_shows_what_is_sent(work: Preparation) -> None:
    entry = lua_entry("dataset:Set('PatientID', 'P-9') dataset:Set('SOPInstanceUID', '1.2.9')")
    done = work.prepared()
    assert (done.state, done.patient_id, done.sop_instance_uid, done.last_error) == ("Prepared", "P-9", "1.2.9", "")
    parts = Recipe.loads(bytes(done.recipe or b"")).parts
    assert any(isinstance(part, bytes) and b"P-9" in part for part in parts)
    report = PrepareReport.objects.get(item=done)
    assert (report.verdict, report.script_version_id) == ("prepared", done.script_version_id)
    assert [(e["number"], e["status"]) for e in report.entries] == [(1, "ran")]
    assert report.milliseconds > 0
    assert entry.enabled


def test_an_entry_that_does_not_apply_leaves_the_image_as_it_came_and_says_why(work: Preparation) -> None:
    lua_entry("dataset:Set('PatientID', 'P-9')", ae_titles=["AI"])
    done = work.prepared()
    assert (done.state, done.recipe, done.patient_id) == ("Prepared", None, "T-1")
    (report,) = PrepareReport.objects.get(item=done).entries
    assert (report["status"], report["reason"]) == ("skipped", "destination is 'PACS', wanted AI")


def test_copies_are_items_of_their_own_that_share_the_file_and_meet_no_script(work: Preparation) -> None:
    node("AI")
    archive = node("ARCHIVE", process_delay=60_000)
    lua_entry("route:Add('AI') route:Add('ARCHIVE', function(ds) ds:Set('PatientID', 'ANON') end)")
    done = work.prepared()
    copies = copies_of(done)
    assert (done.state, done.patient_id, set(copies)) == ("Prepared", "T-1", {"AI", "ARCHIVE"})
    anonymous = copies["ARCHIVE"]
    assert (anonymous.state, anonymous.node, anonymous.patient_id) == ("Prepared", archive, "ANON")
    assert (copies["AI"].patient_id, copies["AI"].recipe) == ("T-1", None)
    assert anonymous.not_before > timezone.now() + timedelta(seconds=50)
    for copy in copies.values():
        assert (copy.received_id, copy.source_ae_title, copy.called_ae_title) == (done.id, "CT_1", "PACS")
        assert (copy.peer_address, copy.association_id, copy.size) == (
            done.peer_address,
            done.association_id,
            done.size,
        )
        assert (copy.dataset_offset, copy.transfer_syntax_uid) == (done.dataset_offset, done.transfer_syntax_uid)
        history = HistoryEntry.objects.get(item=copy)
        assert (history.event, history.from_state, history.to_state) == ("copied", "", "Prepared")
        assert history.note == f"copy of item {done.id} for {copy.destination_ae_title}"
    assert HistoryEntry.objects.get(item=done, event="prepared").note == "copies for AI, ARCHIVE"
    assert work.step() == 0


def test_a_drop_sends_nothing_and_stays_visible(work: Preparation) -> None:
    lua_entry("dataset:Set('PatientID', 'X') route:Drop()")
    done = work.prepared()
    assert (done.state, done.prepared_at, copies_of(done)) == ("Dropped", None, {})
    assert done.finished_at is not None
    assert HistoryEntry.objects.get(item=done, event="dropped").note == "route:Drop() and no copy"
    # What the scripts did to it is kept although nothing is sent.
    assert [change["new"] for change in AuditRecord.objects.get().detail["changes"]] == ["X"]


def test_a_reroute_drops_the_original_and_sends_the_copy(work: Preparation) -> None:
    node("AI")
    lua_entry("route:Add('AI') route:Drop()")
    done = work.prepared()
    assert (done.state, set(copies_of(done))) == ("Dropped", {"AI"})
    assert HistoryEntry.objects.get(item=done, event="dropped").note == "the original is not sent; copies for AI"


def test_a_retry_comes_back_after_its_delay_and_leaves_no_trace(work: Preparation) -> None:
    lua_entry("study.n = 1 dataset:Set('PatientID', 'X') print('so far') error('retry: not yet')")
    done = work.prepared()
    wait = done.not_before - timezone.now()
    assert timedelta(seconds=3) < wait <= timedelta(seconds=5)
    assert (done.state, done.patient_id, done.prepare_starts, done.lease_owner) == ("New", "T-1", 0, "")
    assert done.last_error == "entry 1, line 1: retry: not yet"
    assert not ScopedState.objects.exists()
    assert ("info", "script", "so far") in log_lines(done)
    assert work.step() == 0


@pytest.mark.parametrize(
    ("script", "columns"),
    [
        ("study.n = 1 route:Add('AI') error('fail: broken')", {}),
        ("study.n = 1 route:Add('AI') error('broken')", {"on_error": "fail"}),
        ("study.n = 1 route:Add('AI', function(ds) error('broken') end)", {}),
    ],
)
def test_of_a_failing_image_nothing_leaves(work: Preparation, script: str, columns: dict[str, Any]) -> None:
    node("AI")
    lua_entry(script, **columns)
    done = work.prepared()
    assert (done.state, done.recipe, copies_of(done)) == ("Failed", None, {})
    assert "broken" in done.last_error
    assert done.last_error.startswith("entry 1, line 1: ")
    assert not ScopedState.objects.exists()
    assert HistoryEntry.objects.get(item=done, event="gave up").note == done.last_error


def test_a_skipped_error_is_a_warning_in_the_items_log_and_the_next_entry_runs(work: Preparation) -> None:
    lua_entry("dataset:Set('PatientID', 'LOST')\nerror('oops')")
    lua_entry("dataset:Set('AccessionNumber', 'A-9')")
    done = work.prepared()
    assert (done.state, done.patient_id, done.accession_number) == ("Prepared", "T-1", "A-9")
    assert ("warning", "router", "entry 1: entry 1:2: oops") in log_lines(done)


def test_an_unaddressed_image_is_routed_or_fails_but_never_vanishes(work: Preparation) -> None:
    node("AI")
    lost = work.prepared(called_ae_title="CAPACITOR")
    assert (lost.state, lost.last_error[:8]) == ("Failed", "no route")
    lua_entry("if file.destinationAeTitle == 'CAPACITOR' then route:Add('AI') end")
    routed = work.prepared(called_ae_title="CAPACITOR")
    assert (routed.state, set(copies_of(routed))) == ("Dropped", {"AI"})


def test_an_image_of_a_deleted_node_fails_with_its_name(work: Preparation) -> None:
    gone = node("GONE")
    identifier = work.image(called_ae_title="GONE")
    gone.delete()
    work.step()
    assert (item(identifier).state, item(identifier).last_error) == ("Failed", "node GONE has been deleted")


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

    def faulty(scripts: Any, image: Any, *rest: Any) -> Any:
        if image.document.identity().patient_id == "BAD":
            raise ZeroDivisionError("for patient DOE^JANE")
        return really(scripts, image, *rest)

    monkeypatch.setattr(preparing, "run_entries", faulty)
    assert work.step() == 2
    assert (item(bad).state, item(bad).last_error) == ("Failed", "ZeroDivisionError: for patient DOE^JANE")
    assert item(good).state == "Prepared"
    (line,) = log_lines(item(bad))
    assert line[:2] == ("error", "router")
    assert "Traceback" in line[2]
    assert re.search(rf"item {bad} could not be prepared: ZeroDivisionError in test_prepare.py, line \d+", caplog.text)
    assert "DOE" not in caplog.text
    assert study_table() == {"n": 1}


def test_an_error_after_the_scripts_keeps_no_half_of_the_item(work: Preparation, monkeypatch: Any) -> None:
    node("AI")
    lua_entry("study.n = (study.n or 0) + 1 route:Add('AI')")
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


@pytest.mark.parametrize("removed", ["SOPInstanceUID", "SOPClassUID"])
def test_an_output_without_a_name_is_not_sent_and_its_story_is_kept(work: Preparation, removed: str) -> None:
    lua_entry(f"study.n = 1 print('removing') dataset:Remove('{removed}')")
    done = work.prepared()
    assert done.state == "Failed"
    assert done.last_error == "the scripts left PACS an image without SOP Class or Instance UID"
    assert ("info", "script", "removing") in log_lines(done)
    assert PrepareReport.objects.get(item=done).verdict == "failed"
    assert not ScopedState.objects.exists()


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


def test_images_of_one_study_share_its_table_and_the_next_batch_goes_on(work: Preparation) -> None:
    lua_entry("study.n = (study.n or 0) + 1 series.n = (series.n or 0) + 10")
    for _ in range(3):
        work.image()
    work.image(ct_image(StudyInstanceUID="1.7"))
    assert work.step() == 4
    work.prepared()
    assert study_table() == {"n": 4}
    assert study_table("1.7") == {"n": 1}
    assert ScopedState.objects.get(scope="series").values == {"n": 50}
    assert not Lane.objects.exists()


def test_an_image_without_study_or_series_shares_no_table_with_a_stranger(work: Preparation) -> None:
    lua_entry("study.n = (study.n or 0) + 1 series.n = study.n print(study.n)")
    work.prepared()
    lonely = work.prepared(ct_image(StudyInstanceUID=None, SeriesInstanceUID=None))
    assert ("info", "script", "1") in log_lines(lonely)
    assert lonely.state == "Prepared"
    assert list(ScopedState.objects.values_list("values", flat=True)) == [{"n": 1}, {"n": 1}]


def test_a_lost_lease_leaves_nothing_of_the_batch_behind(work: Preparation, monkeypatch: Any) -> None:
    node("AI")
    lua_entry("study.n = (study.n or 0) + 1 route:Add('AI') print('x') dataset:Set('PatientID', 'X')")
    first, second = work.image(), work.image()
    really = preparing.run_entries

    def slow(*arguments: Any) -> Any:
        QueueItem.objects.filter(id=second).update(lease_owner="host:2:other")
        return really(*arguments)

    monkeypatch.setattr(preparing, "run_entries", slow)
    work.step()
    assert [item(i).state for i in (first, second)] == ["New", "New"]
    assert not ScopedState.objects.exists()
    assert not PrepareReport.objects.exists()
    assert not ItemLogLine.objects.exists()
    assert not AuditRecord.objects.exists()
    assert HistoryEntry.objects.filter(event="received").count() == HistoryEntry.objects.count() == 2
    monkeypatch.setattr(preparing, "run_entries", really)
    work.step()
    assert (item(first).state, item(first).prepare_starts) == ("Prepared", 0)
    assert (item(second).state, item(second).lease_owner) == ("New", "host:2:other")
    assert study_table() == {"n": 1}


def test_a_lost_study_leaves_nothing_of_the_batch_behind(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    identifier = work.image()
    really = preparing.run_entries

    def slow(*arguments: Any) -> Any:
        Lane.objects.update(owner="host:2:other")
        return really(*arguments)

    monkeypatch.setattr(preparing, "run_entries", slow)
    work.step()
    assert item(identifier).state == "New"
    assert not ScopedState.objects.exists()


def test_a_table_that_somebody_wrote_meanwhile_is_read_again(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    work.prepared()
    identifier = work.image()
    really = preparing.run_entries

    def slow(*arguments: Any) -> Any:
        outcome = really(*arguments)
        ScopedState.objects.update(values={"n": 10}, version=7)
        return outcome

    with monkeypatch.context() as patched:
        patched.setattr(preparing, "run_entries", slow)
        work.step()
    assert item(identifier).state == "New"
    work.step()
    assert item(identifier).state == "Prepared"
    assert study_table() == {"n": 11}


def test_a_database_that_goes_away_costs_no_item_a_try(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("study.n = (study.n or 0) + 1")
    items = [work.image() for _ in range(3)]

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("database is locked")

    for _ in range(7):
        with monkeypatch.context() as patched:
            patched.setattr(batches, "record", away)
            with pytest.raises(OperationalError):
                work.step()
    assert work.step() == 3
    assert [item(i).state for i in items] == ["Prepared"] * 3
    assert study_table() == {"n": 3}


def test_a_database_that_goes_away_under_a_script_fails_no_item(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("print(queue:total())")
    identifier = work.image()

    def away(*_: Any) -> int:
        raise OperationalError("database is locked")

    with monkeypatch.context() as patched:
        patched.setattr(preparing.QueueDatabaseFacts, "total", away)
        with pytest.raises(OperationalError):
            work.step()
    assert item(identifier).state == "New"
    work.step()
    assert item(identifier).state == "Prepared"


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


def test_a_script_counts_the_items_that_its_batch_has_just_finished(work: Preparation) -> None:
    lua_entry("print(queue:count('New'), queue:count('Prepared'), study.queue:countByState('Prepared'))")
    items = [work.image() for _ in range(3)]
    work.step()
    printed = [log_lines(item(i))[0][2] for i in items]
    assert printed == ["3\t0\t0", "2\t1\t1", "1\t2\t2"]


def test_a_lost_lease_that_shows_at_a_scripts_question_is_no_fault_of_the_script(
    work: Preparation, monkeypatch: Any
) -> None:
    lua_entry("print(queue:total())")
    first, second = work.image(), work.image()
    really = preparing.run_entries

    def slow(*arguments: Any) -> Any:
        QueueItem.objects.filter(id=first).update(lease_owner="host:2:other")
        return really(*arguments)

    monkeypatch.setattr(preparing, "run_entries", slow)
    work.step()
    assert [item(i).state for i in (first, second)] == ["New", "New"]
    assert not ItemLogLine.objects.exists()


def test_the_audit_names_every_edit_once_and_every_route(work: Preparation) -> None:
    node("AI")
    node("ARCHIVE")
    lua_entry(
        "dataset:Set('PatientID', 'X')\nroute:Add('AI')\n"
        "route:Add('ARCHIVE', function(ds) ds:Remove('AccessionNumber') end)"
    )
    done = work.prepared()
    record = AuditRecord.objects.get()
    assert (record.actor, record.action) == (f"script version {done.script_version_id}", "run scripts")
    assert record.object == f"item {done.id}"
    changes = [
        (c["operation"], c["keyword"], c["old"], c["new"], c["line"], c["destination"])
        for c in record.detail["changes"]
    ]
    assert changes == [
        ("Set", "PatientID", "T-1", "X", 1, ""),
        ("Remove", "AccessionNumber", "A-1", None, 3, "ARCHIVE"),
    ]
    assert [(r["operation"], r["destination"], r["line"]) for r in record.detail["routes"]] == [
        ("Add", "AI", 2),
        ("Add", "ARCHIVE", 3),
    ]


def test_log_goes_to_the_application_log_and_print_to_the_item(work: Preparation, caplog: Any) -> None:
    lua_entry("log:info('a', 1) log:warn('b') log:error('c') log:debug('d') print('only here')")
    with caplog.at_level(logging.DEBUG, "capacitor.lua"):
        done = work.prepared()
    told = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "capacitor.lua"]
    assert told == [("INFO", "[lua] a\t1"), ("WARNING", "[lua] b"), ("ERROR", "[lua] c"), ("DEBUG", "[lua] d")]
    assert log_lines(done) == [("info", "script", "only here")]


def test_hostile_values_of_scripts_hold_up_nobody(work: Preparation) -> None:
    lua_entry(
        "print('a\\0b\\xff') dataset:Set('AccessionNumber', string.rep('x', 16)) study.x = 0/0 study.y = '\\xff\\0'"
    )
    done = work.prepared(ct_image(PatientName="X" * 300))
    assert done.state == "Prepared"
    assert log_lines(done)[0][2].startswith("ab")
    assert item(done.id).patient_name == "X" * 300


def test_preparing_again_starts_from_what_came_also_when_the_scripts_are_gone(work: Preparation) -> None:
    entry = lua_entry("dataset:Set('SOPInstanceUID', '1.2.9') dataset:Set('PatientID', 'X') study.n = 1")
    done = work.prepared(ct_image(SOPInstanceUID="1.2.3.4.5"))
    assert (done.sop_instance_uid, done.patient_id) == ("1.2.9", "X")
    entry.enabled = False
    entry.save()
    record_for(QueueItem.objects.all(), QueueEvent.PREPARE_AGAIN, actor="anna")
    work.step()
    again = item(done.id)
    assert (again.state, again.recipe) == ("Prepared", None)
    assert (again.sop_instance_uid, again.patient_id, again.study_instance_uid) == ("1.2.3.4.5", "T-1", "1.2.3")


def test_preparing_again_with_a_changed_study_uid_keeps_its_tables_exact(work: Preparation) -> None:
    lua_entry("study.n = (study.n or 0) + 1 dataset:Set('StudyInstanceUID', '1.99')")
    done = work.prepared()
    for _ in range(2):
        record_for(QueueItem.objects.all(), QueueEvent.PREPARE_AGAIN, actor="anna")
        assert work.step() == 1
    assert item(done.id).state == "Prepared"
    assert study_table() == {"n": 3}


def test_what_the_c_store_said_names_the_image_where_no_script_did(work: Preparation) -> None:
    lua_entry("dataset:Set('PatientID', 'X')")
    done = work.prepared(ct_image(SOPInstanceUID="1.2.777"), sop_instance_uid="1.2.888")
    assert done.sop_instance_uid == "1.2.888"


def test_a_stop_leaves_the_rest_of_the_batch_untouched(tmp_path: Path) -> None:
    node("PACS")
    lua_entry("print('x')")
    told = iter([False, True, True, True])
    work = Preparation(tmp_path, stopping=lambda: next(told, True))
    items = [work.image() for _ in range(3)]
    work.step()
    assert [item(i).state for i in items] == ["Prepared", "New", "New"]
    assert [item(i).lease_owner for i in items] == ["", OWNER, OWNER]


def test_the_watchdog_sees_which_item_is_in_hand(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("print('x')")
    identifier = work.image()
    seen = []
    really = preparing.run_entries

    def watched(*arguments: Any) -> Any:
        seen.append((work.watch.item_id, work.watch.overdue))
        return really(*arguments)

    monkeypatch.setattr(preparing, "run_entries", watched)
    work.step()
    assert seen == [(identifier, False)]
    assert work.watch.item_id is None


def test_a_lease_outlasts_the_longest_script_and_is_renewed_between_images(work: Preparation, monkeypatch: Any) -> None:
    lua_entry("print('x')")
    seconds = work.preparer._settings.limits.seconds
    for _ in range(3):
        work.image()
    leases = []
    renewed = []
    really = preparing.run_entries
    clock = iter(range(0, 10_000, 25))

    def watched(*arguments: Any) -> Any:
        leases.append(QueueItem.objects.filter(lease_owner=OWNER).first().lease_until - timezone.now())  # type: ignore
        return really(*arguments)

    monkeypatch.setattr(preparing, "run_entries", watched)
    monkeypatch.setattr(preparing, "renew", lambda owner, lease: renewed.append((owner, lease)))
    monkeypatch.setattr(preparing.time, "monotonic", lambda: next(clock))
    work.step()
    assert min(leases) > timedelta(seconds=seconds + 50)
    assert renewed[0] == (OWNER, timedelta(seconds=60 + seconds))


@pytest.mark.fault(72, "twice, in the middle of batches")
def test_scripts_that_are_changed_while_images_are_under_way_are_never_mixed(
    work: Preparation, seen: Callable[[str], None]
) -> None:
    """Two entries and a library say which version they belong to; each image has to meet one version of all three."""
    library = LuaLibrary.objects.create(path="v.lua", source="version = 1")
    entries = [lua_entry(f"include('v.lua') print('{place}', 1, version)") for place in "ab"]
    identifiers = [work.image() for _ in range(100)]
    done = 0

    def change() -> None:
        nonlocal done
        done += 1
        if done in (10, 80):
            number = 2 if done == 10 else 3
            library.source = f"version = {number}"
            library.save()
            for place, entry in zip("ab", entries, strict=True):
                entry.script = f"include('v.lua') print('{place}', {number}, version)"
                entry.save()

    work.preparer._tidy = change
    while work.step():
        pass
    versions = set()
    for identifier in identifiers:
        said = list(ItemLogLine.objects.filter(item_id=identifier).order_by("id").values_list("text", flat=True))
        number = said[0].split("\t")[1]
        assert said == [f"a\t{number}\t{number}", f"b\t{number}\t{number}"]
        recorded = item(identifier).script_version
        assert recorded is not None and f"version = {number}" in str(recorded.content)
        versions.add(number)
    assert versions == {"1", "2"} or versions == {"1", "2", "3"}
    seen(f"100 images, {len(versions)} versions: each met one, and its item names that one")

"""Preparing one batch: what the scripts wanted happens, all of it or nothing, and the story is kept."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.core.states import QueueEvent
from routing.models import (
    AuditRecord,
    HistoryEntry,
    Lane,
    PrepareReport,
    QueueItem,
    ScopedState,
)
from routing.queue.record import record_for
from scripts_app.core.dataset.recipe import Recipe
from tests.builders import ct_image, lua_entry, node
from tests.routing.engine.preparing.preparation import Preparation, copies_of, item, log_lines, study_table

pytestmark = pytest.mark.django_db


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


def test_of_the_identity_only_what_changed_is_written(work: Preparation) -> None:
    """Each column of an index that is written costs its index two changes, also where the value stays."""
    lua_entry("dataset:Set('StationName', 'X') dataset:Set('PatientID', 'P-9')")
    with CaptureQueriesContext(connection) as queries:
        assert work.prepared().patient_id == "P-9"
    (update,) = [query["sql"] for query in queries if query["sql"].startswith("UPDATE") and "recipe" in query["sql"]]
    assert "patient_id = " in update
    assert "study_instance_uid" not in update and "sop_instance_uid" not in update


def test_an_entry_that_does_not_apply_leaves_the_image_as_it_came_and_says_why(work: Preparation) -> None:
    lua_entry("dataset:Set('PatientID', 'P-9')", ae_titles=["AI"])
    done = work.prepared()
    assert (done.state, done.recipe, done.patient_id) == ("Prepared", None, "T-1")
    (report,) = PrepareReport.objects.get(item=done).entries
    assert (report["status"], report["reason"]) == ("skipped", "destination is 'PACS', wanted AI")


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


@pytest.mark.parametrize("removed", ["SOPInstanceUID", "SOPClassUID"])
def test_an_output_without_a_name_is_not_sent_and_its_story_is_kept(work: Preparation, removed: str) -> None:
    lua_entry(f"study.n = 1 print('removing') dataset:Remove('{removed}')")
    done = work.prepared()
    assert done.state == "Failed"
    assert done.last_error == "the scripts left PACS an image without SOP Class or Instance UID"
    assert ("info", "script", "removing") in log_lines(done)
    assert PrepareReport.objects.get(item=done).verdict == "failed"
    assert not ScopedState.objects.exists()


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


def test_a_script_counts_the_items_that_its_batch_has_just_finished(work: Preparation) -> None:
    lua_entry("print(queue:count('New'), queue:count('Prepared'), study.queue:countByState('Prepared'))")
    items = [work.image() for _ in range(3)]
    work.step()
    printed = [log_lines(item(i))[0][2] for i in items]
    assert printed == ["3\t0\t0", "2\t1\t1", "1\t2\t2"]


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


def test_the_audit_has_what_a_run_did_that_came_through_not_what_one_took_back_that_was_put_off(
    work: Preparation,
) -> None:
    node("AI")
    lua_entry("dataset:Set('PatientID', 'X') route:Add('AI')")
    holding = lua_entry("error('retry: hold until the study is complete')")
    held = work.prepared()
    assert held.patient_id == "T-1"
    assert not AuditRecord.objects.exists()
    holding.delete()
    QueueItem.objects.filter(id=held.id).update(not_before=timezone.now())
    assert work.step() == 1
    assert AuditRecord.objects.get().detail["verdict"] == "prepared"


def test_log_goes_to_the_application_log_and_print_to_the_item(work: Preparation, caplog: Any) -> None:
    lua_entry("log:info('a', 1) log:warn('b') log:error('c') log:debug('d') print('only here')")
    with caplog.at_level(logging.DEBUG, "capacitor.lua"):
        done = work.prepared()
    told = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "capacitor.lua"]
    assert told == [("INFO", "[lua] a\t1"), ("WARNING", "[lua] b"), ("ERROR", "[lua] c"), ("DEBUG", "[lua] d")]
    assert log_lines(done) == [("info", "script", "only here")]


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


def test_an_image_that_came_without_its_uid_is_named_by_its_c_store_and_goes_on(work: Preparation) -> None:
    """As CAPACITOR_CHECK_INSTANCES=0 takes it."""
    lua_entry("dataset:Set('PatientID', 'X')")
    done = work.prepared(ct_image(SOPInstanceUID=None), sop_instance_uid="1.2.888")
    assert (done.state, done.sop_instance_uid, done.patient_id) == ("Prepared", "1.2.888", "X")

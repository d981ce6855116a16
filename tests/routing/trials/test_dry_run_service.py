"""What the process for dry runs answers to the script pages: details, and answers that a person has set."""

import json
import os

import pytest
from django.utils import timezone

from routing.management.commands.dry_run_service import answer
from routing.models import ScopedState
from scripts_app.core.collection import collection_of
from scripts_app.core.script_content import from_content
from scripts_app.dry_running.process import STOP
from tests.builders import node, queue_item
from tests.images import image, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


@pytest.fixture
def tried(tmp_path):
    """The answer to one script over a CT image for PACS; two nodes are there."""
    node("PACS")
    node("AI")
    path = write(image("CT"), tmp_path / "ct.dcm")

    def run(script, given=None, stop_when_readable=None, **more):
        entry = {"description": "", "script": script, "conditions": [], "ae_titles": [], "on_error": "skip"}
        content = collection_of(from_content({"entries": [entry], "libraries": {}}))
        question = {"content": content, "file": str(path), "source": "CT_1", "destination": "PACS", "with_queue": False}
        told = answer({**question, "given": given, "detailed": True, **more}, stop_when_readable)
        assert json.loads(json.dumps(told)) == told
        return told.get("result") or told

    return run


def printed(result):
    return [line["message"] for line in result["details"]["printed"]]


def test_the_details_tell_how_each_output_differs_and_in_which_form_it_is(tried):
    result = tried("dataset:Set('PatientID', '9')\nroute:Add('AI', function(ds) ds:Remove('StudyDate') end)")
    original, copy = result["details"]["outputs"]
    assert [(row["kind"], row["path"]) for row in original["differences"]] == [("changed", "0010,0020")]
    assert [(row["kind"], row["path"]) for row in copy["differences"]] == [
        ("removed", "0008,0020"),
        ("changed", "0010,0020"),
    ]
    assert copy["transfer_syntax_uid"] == "1.2.840.10008.1.2.1"
    assert copy["sop_class_uid"] == "1.2.840.10008.5.1.4.1.1.2"


def test_what_leaves_as_it_came_has_no_differences(tried):
    assert [output["differences"] for output in tried("route:Add('AI')")["details"]["outputs"]] == [[], []]


def test_elements_that_are_asked_for_are_read_from_each_output(tried):
    inner = "ReferencedImageSequence[1].ReferencedSOPClassUID"
    wanted = [("PatientID", "T*"), ("StudyDate", ""), ("ReferencedImageSequence", ""), (inner, "")]
    result = tried("route:Add('AI', function(ds) ds:Set('PatientID', '9') ds:Remove('StudyDate') end)", read=wanted)
    told = [[each[2:] for each in output["read"]] for output in result["details"]["outputs"]]
    sequence, uid = [True, None, False], [True, image("CT").SOPClassUID, False]
    assert told[0] == [[True, "T-1", True], [True, "20260101", False], sequence, uid]
    assert told[1] == [[True, "9", False], [False, None, False], sequence, uid]


def test_a_path_that_leads_to_one_of_several_items_is_told_and_the_rest_is_read(tried):
    """The whole run was refused, as if the file could not be used."""
    script = "dataset:Append('ReferencedImageSequence')"
    (output,) = tried(script, read=[("ReferencedImageSequence.StudyID", ""), ("PatientID", "")])["details"]["outputs"]
    ambiguous, patient = output["read"]
    assert ambiguous[2:5] == [False, None, False]
    assert "say which" in ambiguous[5]
    assert patient[3] == "T-1"


def test_a_pattern_that_never_comes_to_an_end_ends_the_run(tried, monkeypatch):
    monkeypatch.setattr("scripts_app.dry_running.dry_run.OPENING", 1.0)
    script = f"dataset:Set('ImageComments', '{'x' * 60}')"
    assert "needs more than" in tried(script, read=[("ImageComments", "^(x+x+)+y$")])["refused"]


def test_a_result_that_is_too_large_to_be_told_is_the_script_s_doing(tried, monkeypatch):
    monkeypatch.setattr("scripts_app.dry_running.fence._MOST_OUTPUT", 50_000)
    result = tried("for i = 1, 100 do study[i] = ('x'):rep(1000) end")
    assert result["message"] == "the result is larger than a dry run may tell"
    assert len(result["entries"]) == 1


def test_each_line_has_its_entry_and_place(tried):
    details = tried("print(1)\n\nlog:warn('careful')")["details"]
    assert [(line["entry"], line["line"], line["message"]) for line in details["printed"]] == [(1, 1, "1")]
    assert [(line["level"], line["entry"], line["line"]) for line in details["logged"]] == [("warning", 1, 3)]


def test_time_and_memory_are_those_of_the_scripts(tried):
    little = tried("print(1)")["details"]
    much = tried("local t = {} for i = 1, 50 do t[i] = ('x'):rep(1000000) end")["details"]
    assert much["memory_bytes"] - little["memory_bytes"] > 30 << 20
    assert little["milliseconds"] > 0


def test_the_state_before_is_told_beside_the_one_after(tried):
    states = {"study": {"n": 3, "#integer 7": "seven"}, "series": {}}
    result = tried("study.n = study.n + 1 print(study[7])", {"states": states})
    assert result["details"]["state_before"] == {"study": {"n": 3, "7": "seven"}, "series": {}}
    assert result["state"]["study"] == {"n": 4, "7": "seven"}
    assert printed(result) == ["seven"]


def test_a_state_that_is_set_stands_for_the_one_that_is_kept(tried):
    kept = {"scope": "study", "uid": image("CT").StudyInstanceUID, "version": 1, "used_at": timezone.now()}
    ScopedState.objects.create(values={"n": 6}, **kept)
    assert printed(tried("print(study.n)", with_queue=True)) == ["6"]
    assert printed(tried("print(study.n)", {"states": {"study": {}}}, with_queue=True)) == ["nil"]


QUESTIONS = """
print(queue:total(), queue:count('Failed'), queue:countByDestination('AI', 'Failed'))
print(study.queue:totalCount(), study.queue:countByState('Prepared'))
print(#study.queue:destinations(), queue:findByState('Prepared'):get(1).destinationAeTitle)
"""
ITEMS = [
    {"count": 12, "state": "Failed", "destination_ae_title": "AI", "of_this_study": False},
    {"count": 2, "state": "Prepared", "destination_ae_title": "AI", "of_this_study": True},
]


def test_a_queue_that_is_set_stands_for_the_real_one(tried):
    queue_item("Failed")
    assert printed(tried(QUESTIONS, {"items": ITEMS}, with_queue=True)) == ["15\t12\t12", "3\t2", "2\tAI"]
    assert printed(tried("print(queue:total())", {"items": []}, with_queue=True)) == ["1"]
    assert printed(tried("print(queue:total())", with_queue=True)) == ["2"]


def test_a_node_answers_as_it_is_set(tried):
    script = "print(node:echo('AI').success, node:stats('AI').recentFailed, node:echo('DCP_PACS').success)"
    nodes = {"AI": {"echo": True, "failed": 5}, "PACS": {"echo": False, "failed": None}}
    assert printed(tried(script, {"nodes": nodes})) == ["true\t5\tfalse"]
    assert printed(tried(script)) == ["false\t0\tfalse"]


def test_a_run_that_had_to_be_killed_has_no_details(tried, settings):
    from dataclasses import replace

    settings.CAPACITOR = replace(settings.CAPACITOR, lua_seconds=1)
    result = tried('return (("a"):rep(60)):find(("a*"):rep(30) .. "b")')
    assert (result["result"], "details" in result) == ("failed", False)


def test_a_run_that_nobody_waits_for_any_more_ends_at_once(tried):
    reading, writing = os.pipe()
    os.write(writing, b"stop")
    assert tried("while true do end", stop_when_readable=reading) == STOP
    os.close(reading)
    os.close(writing)

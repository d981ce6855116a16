"""Many dry runs asked for at once: in order, each as if it were alone, whatever those before it did."""

from dataclasses import replace

import pytest

from routing.management.commands import dry_run_service
from routing.management.commands.dry_run_service import answer
from scripts_app.core.collection import collection_of
from scripts_app.core.script_content import from_content
from tests.builders import node
from tests.images import image, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]
HANGS = "local s = ('a'):rep(40) s:find(('a*'):rep(20) .. 'b')"
EATS = "local s = 'x' while true do s = s .. s end"


def content(script):
    entry = {"description": "", "script": script, "conditions": [], "ae_titles": [], "on_error": "skip"}
    return collection_of(from_content({"entries": [entry], "libraries": {}}))


@pytest.fixture
def asked(tmp_path, settings):
    """All answers to scripts over one image, and how many questions they took."""
    node("PACS")
    settings.CAPACITOR = replace(settings.CAPACITOR, lua_seconds=1, lua_memory=32)
    path = write(image("CT"), tmp_path / "ct.dcm")

    def ask(*scripts, **changed):
        trials = [
            {
                "file": str(path),
                "source": "CT_1",
                "destination": "PACS",
                "content": number,
                **changed.get(f"at{number}", {}),
            }
            for number in range(len(scripts))
        ]
        question = {"contents": [content(script) for script in scripts], "with_queue": True}
        told, questions = [], 0
        while len(told) < len(trials):
            told += answer({**question, "trials": trials[len(told) :]})["answers"]
            questions += 1
        return told, questions

    return ask


def results(told):
    return [each["result"]["result"] if "result" in each else each["refused"] for each in told]


def test_they_are_answered_in_order_by_one_process(asked):
    told, questions = asked("print(1)", "route:Drop()", "error('fail: no')", "print(2)")
    assert results(told) == ["prepared", "dropped", "failed", "prepared"]
    assert [each["result"]["item_log"] for each in (told[0], told[3])] == [["1"], ["2"]]
    assert questions == 1


def test_what_one_script_leaves_behind_is_gone_for_the_next(asked):
    told, _ = asked("x = 1 study.n = 1 dataset:Set('PatientName', 'A')", "print(x, study.n)")
    assert told[1]["result"]["item_log"] == ["nil\tnil"]
    assert told[1]["result"]["outputs"][0]["changes"] == []


def test_one_that_has_to_be_killed_is_judged_alone_and_the_others_go_on(asked):
    said = "print('so far') log:warn('about to') "
    told, questions = asked("print(1)", said + HANGS, EATS, "print(4)")
    assert results(told) == ["prepared", "failed", "failed", "prepared"]
    assert "script exceeded its limit of 1 s" in told[1]["result"]["message"]
    # What it wrote tells why it had to be killed.
    assert told[1]["result"]["item_log"] == ["so far"]
    assert told[1]["result"]["log"] == [{"level": "warning", "message": "about to"}]
    assert "script exceeded its limit of 32 MiB" in told[2]["result"]["message"]
    assert questions >= 3


def test_a_file_or_a_title_that_cannot_be_used_is_refused_alone(asked):
    told, _ = asked(*["print(1)"] * 4, at1={"file": "gone.dcm"}, at2={"destination": "NOWHERE"})
    assert results(told)[0::3] == ["prepared", "prepared"]
    assert results(told)[1] == "the image: No such file or directory"
    assert results(told)[2].startswith("destination: no Storage node has the AE title 'NOWHERE'")


def test_when_the_time_is_over_no_more_is_begun(asked, monkeypatch):
    monkeypatch.setattr(dry_run_service, "_BATCH", 0)
    told, questions = asked("print(1)", "print(2)", "print(3)")
    assert results(told) == ["prepared"] * 3
    assert questions == 3

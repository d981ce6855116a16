"""The Lua filter page, file, queue, study.queue and the iteration over queue items; the newer page's node."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts_app.core.lua.api_queue import QUEUE_ITEM
from scripts_app.core.outcome import Verdict
from tests.scripts_app.core.builders import CT_STUDY, PlainFacts, only_report, printed, row, run
from tests.scripts_app.core.dataset.builders import element, part10

FACTS = PlainFacts(
    rows=[
        row(id=1, state="New", destinationAeTitle="PACS", modality="CT", patientName="Doe^Jane", lastError=""),
        row(id=2, state="Failed", destinationAeTitle="AI_SERVER", modality="CT", attemptCount=3, lastError="refused"),
        row(id=2**62, state="Prepared", destinationAeTitle="AI_SERVER", modality="SR"),
        row(id=4, state="New", destinationAeTitle="PACS", studyInstanceUID="1.2.9", modality="MR"),
    ]
)


def test_file_tells_source_and_destination_and_is_read_only() -> None:
    assert printed("print(file.sourceAeTitle, file.destinationAeTitle)") == ["SCANNER\tPACS"]
    assert "file is read-only" in only_report("file.sourceAeTitle = 'X'").reason
    assert "did you mean 'sourceAeTitle'" in only_report("print(file.sourceAETitle)").reason


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("queue:total()", "4"),
        ("queue:count('New')", "2"),
        ("queue:count('Expired')", "0"),
        (f"queue:countByStudy('{CT_STUDY}')", "3"),
        (f"queue:countByStudy('{CT_STUDY}', 'New')", "1"),
        ("queue:countByDestination('AI_SERVER')", "2"),
        ("queue:countByDestination('AI_SERVER', 'Failed')", "1"),
        ("queue:findByStudy('1.2.9'):count()", "1"),
        ("queue:findByState('New'):count()", "2"),
        ("queue:findByDestination('PACS'):count()", "2"),
        ("queue:findByDestination('AI_SERVER', 'Failed'):get(1).id", "2"),
        ("study.queue:totalCount()", "3"),
        ("study.queue:countByState('New')", "1"),
        ("study.queue:items():count()", "3"),
        ("study.queue:itemsByState('Failed'):get(1).lastError", "refused"),
        ("study.queue:itemsByState('New'):count()", "1"),
        ("study.queue:destinations().Length", "2"),
        ("study.queue:modalities()[2]", "SR"),
    ],
)
def test_queries_answer_from_the_queue(call: str, result: str) -> None:
    assert printed(f"print({call})", facts=FACTS) == [result]


def test_counts_are_numbers() -> None:
    assert printed("print(math.type(queue:total()), queue:count('New') > 1)", facts=FACTS) == ["integer\ttrue"]


@pytest.mark.parametrize("state", ["new", "Sent", "Delivered", ""])
@pytest.mark.parametrize(
    "call",
    ["queue:count", "queue:findByState", "study.queue:countByState", "study.queue:itemsByState"],
)
def test_an_unknown_state_is_a_script_error_with_the_five_states(call: str, state: str) -> None:
    reason = only_report(f"{call}('{state}')").reason
    assert "New, Prepared, Failed, Rejected, Expired" in reason
    assert ("did you mean 'New'?" in reason) is (state == "new")


def test_a_missing_argument_is_named() -> None:
    assert "queue:countByStudy: the study must be a string, not nil" in only_report("queue:countByStudy()").reason
    assert "queue:count: the state must be a string, not nil" in only_report("queue:count()").reason


def test_find_methods_return_a_list_iterated_by_count_and_get() -> None:
    script = """
        local items = study.queue:items()
        for i = 1, items:count() do
            local item = items:get(i)
            print(item.state, item.destinationAeTitle, item.modality)
        end
    """
    assert printed(script, facts=FACTS) == ["New\tPACS\tCT", "Failed\tAI_SERVER\tCT", "Prepared\tAI_SERVER\tSR"]


@pytest.mark.parametrize(
    "loop",
    [
        "for i = 1, #list do print(list[i].id) end",
        "for _, item in ipairs(list) do print(item.id) end",
        "for _, item in pairs(list) do print(item.id) end",
        "for i = 1, list.Length do print(list:get(i).id) end",
        "local k, v = next(list) while k do print(v.id) k, v = next(list, k) end",
        "for _, item in ipairs({table.unpack(list)}) do print(item.id) end",
    ],
)
def test_lists_can_be_iterated_like_tables_too(loop: str) -> None:
    assert printed(f"local list = queue:findByState('New') {loop}", facts=FACTS) == ["1", "4"]


def test_a_list_ends_where_its_elements_end() -> None:
    script = "local l = queue:findByState('New') print(l:get(0), l:get(3), l[0], l[3], l[-1], l[1.5], rawlen(l))"
    assert printed(script, facts=FACTS) == ["nil\tnil\tnil\tnil\tnil\tnil\t0"]
    assert "list:get needs a whole number" in only_report("queue:findByState('New'):get('x')").reason
    assert "list is read-only" in only_report("queue:findByState('New')[1] = 2").reason
    assert "list has no 'Count' (did you mean 'count'?)" in only_report("queue:findByState('New'):Count()").reason


def test_string_arrays_answer_length_ipairs_and_index() -> None:
    script = """
        local names = study.queue:destinations()
        print(names.Length, #names, names:count(), names[1], names[2], names[3])
        for i, name in ipairs(names) do print(i, name) end
        print(table.concat(names, ' '))
    """
    assert printed(script, facts=FACTS) == [
        "2\t2\t2\tAI_SERVER\tPACS\tnil",
        "1\tAI_SERVER",
        "2\tPACS",
        "AI_SERVER PACS",
    ]


def test_each_item_exposes_the_fields_of_the_page() -> None:
    script = "for name, value in pairs(queue:findByStudy('1'):get(1)) do print(name, type(value)) end"
    filled = {name.name: "x" for name in QUEUE_ITEM.members}
    item = row(**{**filled, "id": 5, "attemptCount": 2, "studyInstanceUID": "1"})
    assert printed(script, facts=PlainFacts(rows=[item])) == [
        f"{member.name}\t{member.result}" for member in QUEUE_ITEM.members
    ]
    assert len(QUEUE_ITEM.members) == 18


def test_fields_with_if_any_are_nil_when_there_is_none() -> None:
    script = "local item = queue:findByState('New'):get(1) print(item.lastError, item.pendingState, item.patientID)"
    assert printed(script, facts=FACTS) == ["nil\tnil\t"]


def test_large_record_ids_stay_exact() -> None:
    assert printed("print(queue:findByState('Prepared')[1].id)", facts=FACTS) == [str(2**62)]


def test_items_are_read_only_and_know_their_fields() -> None:
    assert "queue item is read-only" in only_report("queue:findByState('New')[1].state = 'x'", facts=FACTS).reason
    reason = only_report("print(queue:findByState('New')[1].patientId)", facts=FACTS).reason
    assert "queue item has no 'patientId' (did you mean 'patientID'?)" in reason


def test_a_list_is_a_snapshot_of_the_call() -> None:
    facts = PlainFacts(rows=[row(), row()])
    assert printed("local a = queue:findByState('New') print(#a, a[2].state)", facts=facts) == ["2\tNew"]


def test_study_queue_is_nil_when_the_image_has_no_study_instance_uid(tmp_path: Path) -> None:
    path = tmp_path / "no_study.dcm"
    path.write_bytes(part10(element(0x00080060, "CS", "CT")))
    assert printed("print(study.queue, type(study))", path=path) == ["nil\ttable"]


def test_error_with_a_count_of_the_study_asks_for_another_try() -> None:
    script = """
        local newCount = study.queue:countByState('New')
        if newCount > 0 then
            error('retry: waiting for study to complete (' .. newCount .. ' images pending)')
        end
    """
    outcome = run(script, facts=FACTS)
    assert outcome.verdict is Verdict.RETRY
    assert "retry: waiting for study to complete (1 images pending)" in outcome.message


def test_node_stats_and_echo_are_tables() -> None:
    script = """
        local stats = node:stats('ARCHIVE')
        print(stats.success, stats.avgTransferMs, stats.lastEcho.success, stats.lastFailure)
        local echo = node:echo('ARCHIVE')
        print(echo.success, echo.latencyMs, echo.message)
    """
    assert printed(script) == ["3\t1.5\ttrue\tnil", "true\t4\tARCHIVE"]
    assert only_report("\nnode:echo('NOWHERE')").line == 2


def test_an_element_of_a_list_is_the_same_one_each_time() -> None:
    assert printed("local list = queue:findByState('New') print(list[1] == list:get(1))", facts=FACTS) == ["true"]


def test_numbers_too_large_for_lua_become_floats() -> None:
    class Huge(PlainFacts):
        def node_stats(self, ae_title: str) -> dict[str, int]:
            return {"success": 2**70}

    assert printed("print(node:stats('PACS').success == 2.0^70)", facts=Huge()) == ["true"]

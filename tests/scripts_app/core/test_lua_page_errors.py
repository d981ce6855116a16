"""The Lua filter page, error handling, rollback on error and how Lua scripts execute."""

from __future__ import annotations

from typing import Any

import pytest

from scripts_app.core.conditions.condition import Condition
from scripts_app.core.outcome import EntryStatus, Verdict
from tests.scripts_app.core.builders import CT, PlainFacts, entries, entry, image, only_report, printed, run

CT_ONLY = (Condition("0008,0060", "CT"),)
MR_ONLY = (Condition("0008,0060", "MR"),)


@pytest.mark.parametrize(
    ("message", "on_error", "verdict"),
    [
        ("retry", "skip", Verdict.RETRY),
        ("retry", "fail", Verdict.RETRY),
        ("retry: waiting for tag", "skip", Verdict.RETRY),
        ("please RETRY later", "skip", Verdict.RETRY),
        ("Retrying", "fail", Verdict.RETRY),
        ("fail", "skip", Verdict.FAILED),
        ("FAILED: missing", "skip", Verdict.FAILED),
        ("this is a failure", "skip", Verdict.FAILED),
        ("retry or fail", "skip", Verdict.RETRY),
        ("fail, do not retry", "fail", Verdict.RETRY),
        ("skip", "skip", Verdict.PREPARED),
        ("skip", "fail", Verdict.FAILED),
        ("anything else", "skip", Verdict.PREPARED),
        ("anything else", "fail", Verdict.FAILED),
    ],
)
def test_keywords_are_matched_case_insensitively_as_substrings(message: str, on_error: str, verdict: Verdict) -> None:
    assert run(entry(f"error('{message}')", on_error=on_error)).verdict is verdict


@pytest.mark.parametrize(
    "script",
    ["error('retry', 0)", "error('retry', 2)", "assert(false, 'retry')", "error({message = 'retry'})",
     "error(setmetatable({}, {__tostring = function() return 'retry' end}))",
     "local ok, e = pcall(error, 'retry') error(e)", "local ok, e = pcall(error, 'retry') error(e, 0)",
     "coroutine.wrap(function() error('retry') end)()"],
)  # fmt: skip
def test_the_keyword_counts_however_the_error_is_raised(script: str) -> None:
    assert run(script).verdict is Verdict.RETRY


@pytest.mark.parametrize(
    "script",
    [
        "study.retry_count = print",
        "study.fail = {dataset}",
        "study.list = {} study.list.retries_failed = print",
        "file.retry = true",
        "dataset:Retry()",
        "print(file.failover)",
        "print(study.queue:items().retry)",
        "route:Add('FAILOVER_')",
        "dataset:Set('RetryTag', 'x')",
        "local ok, problem = pcall(function() study.retry_count = print end) error(problem, 0)",
    ],
)
def test_the_authors_names_in_what_the_api_refuses_are_no_keywords(script: str) -> None:
    assert run(script).verdict is Verdict.PREPARED


def test_a_keyword_counts_also_after_something_was_refused() -> None:
    assert run("pcall(function() study.retry_count = print end) error('retry')").verdict is Verdict.RETRY


def test_the_name_of_the_script_is_no_keyword() -> None:
    outcome = run(entry("error('x')", chunk="scripts/retry-failed.lua"), entry("x()", chunk="scripts/fail.lua"))
    assert [report.status for report in outcome.entries] == [EntryStatus.ERROR, EntryStatus.ERROR]
    assert outcome.verdict is Verdict.PREPARED


def test_a_library_that_a_failed_entry_was_the_first_to_include_runs_again_for_the_next() -> None:
    libraries = {"libs/anon.lua": "dataset:Set('PatientName', 'ANON') return 'module'"}
    outcome = run(
        "include('libs/anon.lua') route:Add('NOWHERE')",
        "print(include('libs/anon.lua'), dataset:Get('PatientName'))",
        "error('x')",
        "dataset:Set('PatientName', 'LATER') include('libs/anon.lua')",
        libraries=libraries,
    )
    assert [line.message for line in outcome.item_log] == ["module\tANON"]
    assert outcome.outputs[0].identity.patient_name == "LATER", "what came through is loaded once"


def test_skip_continues_with_the_next_entry() -> None:
    outcome = run("error('x')", "print('next')")
    assert outcome.verdict is Verdict.PREPARED
    assert [report.status for report in outcome.entries] == [EntryStatus.ERROR, EntryStatus.RAN]
    assert [line.message for line in outcome.item_log] == ["next"]


@pytest.mark.parametrize("script", ["error('retry')", "error('fail')"])
def test_retry_and_fail_stop_the_pipeline(script: str) -> None:
    outcome = run("route:Add('ARCHIVE')", script, "print('next')")
    assert outcome.outputs == ()
    assert outcome.item_log == ()
    assert [report.status for report in outcome.entries] == ["ran", "error", "skipped"]
    assert outcome.entries[2].reason == "not reached: entry 2 stopped the pipeline"


def test_on_error_fail_stops_the_pipeline_and_says_why() -> None:
    outcome = run(entry("\nerror('broken')", on_error="fail", description="Strip PHI"), "print('next')")
    assert outcome.verdict is Verdict.FAILED
    assert outcome.message == "entry 1 (Strip PHI), line 2: broken"


@pytest.mark.parametrize(
    ("script", "line", "words"),
    [
        ("local ok, e = pcall(function()\n  error('origin')\nend)\nerror(e)", 2, "origin"),
        ("local x\n\nx.y = 1", 3, "attempt to index a nil value (local 'x')"),
        ("if true then", 1, "'end' expected near <eof>"),
        ("\nerror('with level 0', 0)", 2, "with level 0"),
        ("local function f()\n  error('deep', 2)\nend\n\nf()", 5, "deep"),
        ("local function f() error({}) end\n\nf()", 1, "error object of type table"),
        ("\nlocal s = 1 + {}", 2, "attempt to perform arithmetic on a table value"),
        ("\n\nstring.rep()", 3, "bad argument #1 to 'rep'"),
        ("local t = setmetatable({}, {__index = function(t, k)\n error('no ' .. k) end})\nreturn t.x", 2, "no x"),
        ("\n\nstring.gsub('a', 'a', function() dataset:Set('PatientNam', 1) end)", 3, "PatientName"),
        ("coroutine.wrap(function()\n  error('in a coroutine')\nend)()", 2, "in a coroutine"),
        ("local function f() return f() + 1 end\nf()", 1, "stack overflow"),
    ],
)
def test_every_error_carries_the_authors_line(script: str, line: int, words: str) -> None:
    report = only_report(script)
    assert words in report.reason
    assert (report.file, report.line) == ("entry 1", line)
    assert not report.reason.startswith("entry 1:")


def test_a_syntax_error_is_an_error_of_its_entry_only() -> None:
    outcome = run("x = = 2", "print('next')")
    assert outcome.entries[0].reason == "unexpected symbol near '='"
    assert [line.message for line in outcome.item_log] == ["next"]
    assert run(entry("x = = 2", on_error="fail")).verdict is Verdict.FAILED


def test_a_failed_entry_leaves_no_trace_but_earlier_entries_stay() -> None:
    outcome = run(
        "dataset:Set('PatientName', 'FIRST') route:Add('ARCHIVE') study.n = 1",
        "dataset:Set('PatientName', 'SECOND') dataset:Remove('PatientID') dataset:Append('ReferencedStudySequence')"
        " route:Add('RESEARCH') route:Drop() study.n = 2 series.m = 3 print('why') log:warn('why') error('x')",
        "print(dataset:Get('PatientName'), dataset:Get('PatientID'), dataset:Count('ReferencedStudySequence'), study.n,"
        " series.m)",
    )
    assert [line.message for line in outcome.item_log] == ["why", "FIRST\t1CT1\t0\t1\tnil"]
    assert [line.message for line in outcome.log] == ["why"]
    assert [change.new for change in outcome.changes] == ["FIRST"]
    assert [route.destination for route in outcome.routes] == ["ARCHIVE"]
    assert [(output.destination, output.original) for output in outcome.outputs] == [("PACS", True), ("ARCHIVE", False)]


def test_what_takes_several_steps_stays_whole_when_a_later_entry_fails() -> None:
    """Sequence, item and element: three steps back for the image, one change to tell."""
    outcome = run(
        "dataset:Set('RequestAttributesSequence[1].RequestedProcedureID', 'R-1') dataset:Set('StudyID', 'S-1')",
        "dataset:Set('PatientName', 'X') dataset:Set('StudyID', 'S-2') error('x')",
        "print(dataset:Get('RequestAttributesSequence[1].RequestedProcedureID'), dataset:Get('StudyID'),"
        " dataset:Get('PatientName'))",
    )
    assert [line.message for line in outcome.item_log] == ["R-1\tS-1\tCompressedSamples^CT1"]
    assert [change.new for change in outcome.changes] == ["R-1", "S-1"]


def test_an_entry_that_fails_after_edits_leaves_the_image_byte_for_byte() -> None:
    (output,) = run("dataset:Set('PatientName', 'X') error('x')").outputs
    assert output.recipe is None


def test_plain_variables_set_before_the_error_stay() -> None:
    assert [line.message for line in run("mark = 7 error('x')", "print(mark)").item_log] == ["7"]


def test_edits_through_a_proxy_kept_over_a_rollback_reach_the_same_data_set() -> None:
    outcome = run("kept = dataset dataset:Set('StudyID', 'x') error('x')", "kept:Set('PatientID', 'after')")
    assert outcome.outputs[0].identity.patient_id == "after"
    assert [change.keyword for change in outcome.changes] == ["PatientID"]


def test_variables_set_in_one_entry_are_visible_to_later_entries() -> None:
    assert printed("shared = {n = 1} local hidden = 2", "print(shared.n, hidden)") == ["1\tnil"]


def test_mutations_and_routes_accumulate_across_entries() -> None:
    outcome = run(
        "dataset:Set('PatientName', 'A') route:Add('ARCHIVE')",
        "dataset:Set('PatientName', dataset:Get('PatientName') .. 'B') route:Add('RESEARCH')",
    )
    assert [output.destination for output in outcome.outputs] == ["PACS", "ARCHIVE", "RESEARCH"]
    assert {output.identity.patient_name for output in outcome.outputs} == {"AB"}


def test_entries_execute_in_order() -> None:
    assert printed(*(f"print({n})" for n in range(1, 6))) == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("titles", "runs"),
    [((), True), (("PACS",), True), (("AI_SERVER", "PACS"), True), ((" PACS ",), True), (("pacs",), False),
     (("AI_SERVER", "RESEARCH"), False), (("DCP_PACS",), False)],
)  # fmt: skip
def test_ae_titles_restrict_an_entry_to_destinations(titles: tuple[str, ...], runs: bool) -> None:
    (report,) = run(entry("print(1)", ae_titles=titles)).entries
    assert (report.status == "ran") is runs
    assert report.reason == ("" if runs else f"destination is 'PACS', wanted {' or '.join(t.strip() for t in titles)}")


def test_conditions_must_all_match() -> None:
    both = (*CT_ONLY, Condition("PatientID", "9*"))
    outcome = run(entry("print('ct')", conditions=CT_ONLY), entry("", conditions=MR_ONLY), entry("", conditions=both))
    assert [report.status for report in outcome.entries] == ["ran", "skipped", "skipped"]
    assert outcome.entries[1].reason == "0008,0060 Modality is 'CT', wanted 'MR' (literal)"
    assert outcome.entries[2].reason == "0010,0020 PatientID is '1CT1', wanted '9*' (wildcard)"


def test_conditions_read_what_earlier_entries_have_set() -> None:
    outcome = run("dataset:Set('Modality', 'MR')", entry("print('mr')", conditions=MR_ONLY))
    assert [line.message for line in outcome.item_log] == ["mr"]


@pytest.mark.parametrize(
    "condition", [Condition("NoSuchTag", "x"), Condition("PatientID", "(("), Condition("PixelData", "x")]
)
def test_a_condition_that_cannot_be_evaluated_is_an_error_of_its_entry(condition: Condition) -> None:
    outcome = run(entry("print(1)", conditions=(condition,)), "print(2)")
    assert outcome.entries[0].status == "error"
    assert outcome.entries[0].reason.startswith("condition: ")
    assert [line.message for line in outcome.item_log] == ["2"]
    assert run(entry("print(1)", conditions=(condition,), on_error="fail")).verdict is Verdict.FAILED


def test_the_watchdog_hears_of_each_entry_before_its_conditions_and_of_each_function() -> None:
    from scripts_app.core.pipeline import Limits, run_entries

    heard: list[tuple[int | None, list[str]]] = []

    def hear(each: Any, reports: Any) -> None:
        heard.append((each and each.number, [report.status for report in reports]))

    scripts = entries("route:Add('ARCHIVE', function() end)", entry("", conditions=MR_ONLY), "print(1)")
    with image() as received:
        run_entries(scripts, received, PlainFacts(), Limits(), on_entry=hear)
    through = ["ran", "skipped", "ran"]
    # What ends the process behind the last of them is not the last one's doing.
    assert heard == [(1, []), (2, ["ran"]), (3, ["ran", "skipped"]), (None, through), (1, through), (None, through)]


def test_a_fault_of_the_facts_is_no_script_error_even_inside_pcall() -> None:
    class Broken(PlainFacts):
        def total(self) -> int:
            raise ConnectionError("database is away")

    with pytest.raises(ConnectionError, match="database is away"):
        run("pcall(queue.total, queue)", facts=Broken())


def test_a_dry_run_and_a_live_run_tell_the_same() -> None:
    from scripts_app.core.lua.limits import Limits

    scripts = ("dataset:Set('PatientID', '5') route:Add('ARCHIVE')", "error('x')", "study.n = 1 print(study.n)")
    assert run(*scripts) == run(*scripts, limits=Limits(restricted=True))


def test_the_sample_is_a_ct() -> None:
    assert CT.exists()
    assert printed("print(dataset:Get('Modality'))") == ["CT"]


def test_the_destination_is_compared_after_trimming() -> None:
    outcome = run(entry("print(1)", ae_titles=("PACS",)), destination_ae_title="PACS ")
    assert outcome.entries[0].status == "ran"

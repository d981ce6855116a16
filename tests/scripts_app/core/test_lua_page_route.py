"""The Lua filter page, route: where images are sent, with per-destination modifications."""

from __future__ import annotations

import pytest

from scripts_app.core.outcome import Output, RouteCall, Verdict
from tests.scripts_app.core.builders import entry, run


def destinations(outputs: tuple[Output, ...]) -> list[tuple[str, bool]]:
    return [(output.destination, output.original) for output in outputs]


def test_add_sends_a_copy_to_the_destination_beside_the_original() -> None:
    outcome = run("route:Add('AI_SERVER')")
    assert destinations(outcome.outputs) == [("PACS", True), ("AI_SERVER", False)]
    assert outcome.verdict is Verdict.PREPARED
    assert outcome.routes == (RouteCall("Add", "AI_SERVER", 1, 1),)


def test_an_image_that_no_script_changed_is_sent_as_it_came() -> None:
    outcome = run("route:Add('AI_SERVER') dataset:Get('PatientName')")
    assert [output.recipe for output in outcome.outputs] == [None, None]


def test_mutations_of_the_function_only_affect_that_copy() -> None:
    outcome = run(
        """
        route:Add('RESEARCH', function(ds)
            ds:Set('PatientName', 'ANONYMOUS')
            ds:Remove('PatientBirthDate')
        end)
        route:Add('AI_SERVER', function(ds) ds:Set('PatientID', '7') end)
        route:Add('ARCHIVE')
        """
    )
    names = {
        output.destination: (output.identity.patient_name, output.identity.patient_id) for output in outcome.outputs
    }
    assert names == {
        "PACS": ("CompressedSamples^CT1", "1CT1"),
        "RESEARCH": ("ANONYMOUS", "1CT1"),
        "AI_SERVER": ("CompressedSamples^CT1", "7"),
        "ARCHIVE": ("CompressedSamples^CT1", "1CT1"),
    }
    assert [output.recipe is None for output in outcome.outputs] == [True, False, False, True]


def test_changes_of_a_copy_name_its_destination_entry_and_line() -> None:
    outcome = run(
        "", "dataset:Set('StudyID', '9')\nroute:Add('RESEARCH', function(ds)\n  ds:Set('PatientID', '0')\nend)"
    )
    copy = outcome.outputs[1]
    assert [(c.keyword, c.destination, c.entry, c.line) for c in copy.changes] == [
        ("StudyID", "", 2, 1),
        ("PatientID", "RESEARCH", 2, 3),
    ]
    assert [change.keyword for change in outcome.changes] == ["StudyID"]


def test_drop_removes_the_original_so_that_only_copies_are_sent() -> None:
    outcome = run("route:Add('ARCHIVE')\nroute:Drop()")
    assert destinations(outcome.outputs) == [("ARCHIVE", False)]
    assert outcome.verdict is Verdict.PREPARED
    assert outcome.routes[-1] == RouteCall("Drop", "PACS", 1, 2)


def test_drop_without_a_copy_drops_the_image() -> None:
    outcome = run("route:Drop()")
    assert (outcome.verdict, outcome.outputs) == (Verdict.DROPPED, ())


def test_functions_run_after_all_entries_on_the_data_set_in_its_final_state() -> None:
    outcome = run(
        "route:Add('RESEARCH', function(ds) print('function', ds:Get('PatientName')) end)",
        "dataset:Set('PatientName', 'LATER') print('entry 2')",
    )
    assert [line.message for line in outcome.item_log] == ["entry 2", "function\tLATER"]
    assert outcome.item_log[1].entry == 1


def test_if_any_function_fails_the_entire_file_fails() -> None:
    outcome = run(
        "route:Add('AI_SERVER')",
        "route:Add('RESEARCH', function(ds)\n  error('no good')\nend)",
        "route:Add('ARCHIVE', function(ds) print('never') end)",
    )
    assert outcome.verdict is Verdict.FAILED
    assert outcome.outputs == ()
    assert outcome.item_log == ()
    assert outcome.message == "entry 2, line 2: no good (route function for RESEARCH)"
    report = outcome.entries[1]
    assert (report.status, report.reason, report.line) == ("error", "route function for RESEARCH: no good", 2)


@pytest.mark.parametrize("message", ["retry later", "fail", "skip"])
def test_a_failing_function_fails_the_file_whatever_its_message_asks_for(message: str) -> None:
    assert run(f"route:Add('RESEARCH', function() error('{message}') end)").verdict is Verdict.FAILED


def test_the_last_add_of_a_destination_wins_and_replaces_the_function() -> None:
    outcome = run(
        "route:Add('RESEARCH', function(ds) error('replaced') end)\nroute:Add('ARCHIVE')\nroute:Add('RESEARCH')"
    )
    assert destinations(outcome.outputs) == [("PACS", True), ("RESEARCH", False), ("ARCHIVE", False)]
    assert outcome.routes[0] == RouteCall("Add", "RESEARCH", 1, 3)


def test_a_prefixed_title_is_the_same_destination() -> None:
    outcome = run("route:Add('DCP_RESEARCH', function(ds) error('replaced') end) route:Add(' RESEARCH ')")
    assert destinations(outcome.outputs) == [("PACS", True), ("RESEARCH", False)]


@pytest.mark.fault(69, "to its own destination")
def test_add_to_the_images_own_destination_makes_a_second_output() -> None:
    outcome = run("route:Add('PACS', function(ds) ds:Set('PatientID', 'copy') end)")
    assert [(o.original, o.identity.patient_id) for o in outcome.outputs] == [(True, "1CT1"), (False, "copy")]
    assert destinations(run("route:Add('PACS') route:Drop()").outputs) == [("PACS", False)]


def test_an_unknown_destination_is_a_script_error_at_the_call() -> None:
    outcome = run("\nroute:Add('PAKS')", "route:Add('AI_SERVER')")
    report = outcome.entries[0]
    assert (report.line, report.status) == (2, "error")
    assert "did you mean 'PACS'?" in report.reason
    assert destinations(outcome.outputs) == [("PACS", True), ("AI_SERVER", False)]


def test_a_keyword_inside_the_name_of_an_unknown_destination_is_no_keyword() -> None:
    assert run("route:Add('FAILOVER')").verdict is Verdict.PREPARED
    assert run("route:Add('RETRY_PACS')").verdict is Verdict.PREPARED


@pytest.mark.parametrize("argument", ["nil", "{}", "true", "print"])
def test_a_destination_must_be_a_string(argument: str) -> None:
    assert "the destination must be a string" in run(f"route:Add({argument})").entries[0].reason


@pytest.mark.parametrize("argument", ["1", "'x'", "{}"])
def test_the_second_argument_must_be_a_function(argument: str) -> None:
    assert "the second argument must be a function" in run(f"route:Add('ARCHIVE', {argument})").entries[0].reason


@pytest.mark.parametrize("call", ["route:Add('ARCHIVE')", "route:Drop()"])
def test_routes_are_settled_inside_a_route_function(call: str) -> None:
    outcome = run(f"route:Add('RESEARCH', function(ds)\n {call} end)")
    assert outcome.verdict is Verdict.FAILED
    assert "routes are settled when route functions run" in outcome.message
    assert outcome.entries[0].line == 2


def test_the_image_itself_can_be_read_but_not_edited_inside_a_route_function() -> None:
    outcome = run(
        "route:Add('RESEARCH', function(ds) print(dataset:Get('PatientID')) dataset:Set('PatientID', 'x') end)"
    )
    assert [line.message for line in outcome.item_log] == ["1CT1"]
    assert "the image is finished when route functions run" in outcome.message


def test_a_copy_cannot_be_edited_after_its_function_has_ended() -> None:
    outcome = run(
        "route:Add('RESEARCH', function(ds) kept = ds end)",
        "route:Add('ARCHIVE', function() kept:Set('StudyID', 'x') end)",
    )
    assert "this copy is finished" in outcome.message


def test_a_function_may_use_variables_of_its_entry_and_libraries() -> None:
    outcome = run(
        "include('libs/phi.lua') local id = uid() "
        "route:Add('RESEARCH', function(ds) strip_phi(ds) ds:Set('PatientID', id) end)",
        libraries={"libs/phi.lua": "function strip_phi(ds) ds:Set('PatientName', 'ANONYMOUS') end"},
    )
    copy = outcome.outputs[1].identity
    assert copy.patient_name == "ANONYMOUS"
    assert copy.patient_id.startswith("2.25.")


def test_a_function_may_keep_state_which_is_lost_when_a_function_fails() -> None:
    counting = "route:Add('RESEARCH', function() study.copies = (study.copies or 0) + 1 end)"
    outcome = run(counting)
    assert outcome.state["study"] == {"copies": 1}
    assert outcome.state_changed == {"study"}
    assert run(counting, "route:Add('ARCHIVE', function() error('x') end)").state_changed == frozenset()


def test_an_unaddressed_image_sends_only_its_copies() -> None:
    outcome = run("route:Add('ARCHIVE')", unaddressed=True, destination_ae_title="CAPACITOR")
    assert destinations(outcome.outputs) == [("ARCHIVE", False)]
    assert outcome.verdict is Verdict.PREPARED


@pytest.mark.fault(70, "no copy of an image for the router itself")
def test_an_unaddressed_image_that_no_script_routes_has_failed_with_no_route() -> None:
    outcome = run("print(file.destinationAeTitle)", unaddressed=True, destination_ae_title="CAPACITOR")
    assert (outcome.verdict, outcome.outputs) == (Verdict.FAILED, ())
    assert outcome.message.startswith("no route")
    assert outcome.item_log[0].message == "CAPACITOR"


def test_an_unaddressed_image_may_be_dropped() -> None:
    assert run("route:Drop()", unaddressed=True).verdict is Verdict.DROPPED


def test_an_image_without_entries_is_prepared_as_it_came() -> None:
    outcome = run()
    assert (outcome.verdict, destinations(outcome.outputs)) == (Verdict.PREPARED, [("PACS", True)])


@pytest.mark.fault(70, "100 copies, each edited by a function of its own")
def test_a_hundred_copies_are_a_hundred_outputs() -> None:
    from tests.scripts_app.core.builders import PlainFacts

    facts = PlainFacts(nodes=[f"NODE{n}" for n in range(100)])
    outcome = run("for n = 0, 99 do route:Add('NODE' .. n, function(ds) ds:Set('StudyID', n) end) end", facts=facts)
    assert len(outcome.outputs) == 101


def test_a_limit_inside_a_route_function_fails_the_image() -> None:
    from scripts_app.core.lua.limits import Limits

    outcome = run("route:Add('RESEARCH', function() while true do end end)", limits=Limits(seconds=0.05))
    assert outcome.verdict is Verdict.FAILED
    assert "script exceeded its limit of 0.05 s" in outcome.message


def test_a_route_of_a_failed_entry_is_gone_and_an_earlier_one_is_back() -> None:
    outcome = run(
        "route:Add('RESEARCH', function(ds) ds:Set('StudyID', 'first') end)",
        entry("route:Add('RESEARCH') route:Add('ARCHIVE') route:Drop() error('x')"),
    )
    assert destinations(outcome.outputs) == [("PACS", True), ("RESEARCH", False)]
    assert outcome.outputs[1].recipe is not None

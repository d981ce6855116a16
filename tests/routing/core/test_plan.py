"""What the scripts' outcome means for the item and its copies (D3)."""

import pytest

from routing.core.plan import plan_for
from routing.core.states import QueueEvent
from scripts_app.core.outcome import Identity, Outcome, Output, Verdict

NOBODY = Identity("", "", "", "", "", "", "", "")


def output(destination: str, original: bool = False) -> Output:
    return Output(destination, original, None, NOBODY, ())


def outcome(verdict: Verdict, *outputs: Output, message: str = "") -> Outcome:
    return Outcome(verdict, message, (), outputs)


def test_an_untouched_image_is_prepared_without_copies() -> None:
    plan = plan_for(outcome(Verdict.PREPARED, output("PACS", True)))
    assert (plan.event, plan.note, plan.copies) == (QueueEvent.PREPARED, "", ())
    assert plan.original == output("PACS", True)


def test_copies_go_beside_the_original_and_are_named() -> None:
    plan = plan_for(outcome(Verdict.PREPARED, output("PACS", True), output("AI"), output("PACS")))
    assert plan.event is QueueEvent.PREPARED
    assert plan.note == "copies for AI, PACS"
    assert [copy.destination for copy in plan.copies] == ["AI", "PACS"]


def test_a_dropped_original_with_copies_is_dropped_and_says_where_they_go() -> None:
    plan = plan_for(outcome(Verdict.PREPARED, output("AI")))
    assert (plan.event, plan.original) == (QueueEvent.DROPPED, None)
    assert plan.note == "the original is not sent; copies for AI"
    assert [copy.destination for copy in plan.copies] == ["AI"]


@pytest.mark.parametrize(
    ("verdict", "event"),
    [
        (Verdict.RETRY, QueueEvent.DEFERRED),
        (Verdict.FAILED, QueueEvent.GAVE_UP),
        (Verdict.DROPPED, QueueEvent.DROPPED),
    ],
)
def test_any_other_verdict_sends_nothing_and_keeps_its_message(verdict: Verdict, event: QueueEvent) -> None:
    plan = plan_for(outcome(verdict, output("PACS", True), output("AI"), message="because"))
    assert (plan.event, plan.note, plan.original, plan.copies) == (event, "because", None, ())


def test_a_drop_without_a_message_still_says_why() -> None:
    assert plan_for(outcome(Verdict.DROPPED)).note == "route:Drop() and no copy"

"""Actions on many items that are refused: what is meant cannot be read, nothing is chosen, or the role may not."""

import pytest

from tests.builders import queue_item
from tests.pages.bulk import act, ask, states
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scope", ["", "&scope=ticked", "&scope=study"])
@pytest.mark.parametrize("ids", ["99999999999999999999", "one"])
def test_a_tick_that_cannot_be_read_is_no_question_about_everything(ids, scope):
    queue_item("Failed")
    assert "Retry 0 items?" in words(ask(f"action=retry&ids={ids}{scope}"))


@pytest.mark.parametrize(
    "form",
    [
        {"action": "explode"},
        {"action": ""},
        {"scope": "everything"},
        {"scope": ""},
    ],
)
def test_what_is_no_action_or_no_scope_is_refused(form):
    item = queue_item("Failed")
    assert act(**{"action": "reject", **form, "ids": [item.pk]}).status_code == 400
    assert states(item) == ["Failed"]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("patient=NOBODY", "Patient ID is left out: Your account may not see patient data."),
        ("accession=NONE&modality=CT", "Accession number is left out: Your account may not see patient data."),
        ("since=yesterday", "Received from is left out: Enter a valid date/time."),
        ("state=Lost", "State is left out: Select a valid choice."),
        ("modality=" + "C" * 17, "Modality is left out: Ensure this value has at most 16 characters"),
    ],
)
def test_nothing_is_done_to_all_that_match_while_a_part_of_the_filter_is_left_out(query, why):
    items = [queue_item("Prepared"), queue_item("Failed")]
    assert "Fail 0 items?" in words(ask(f"action=fail&scope=matching&{query}"))
    for answer in (
        act("fail", scope="matching", query=query),
        act("fail", scope="matching", query=query, headers=HTMX),
        act("delete", scope="matching", query=query, sure="2"),
    ):
        assert answer.status_code == 400
        assert f"Put the filter right first. {why}" in words(answer)
    assert why in words(ask(f"action=move&scope=matching&{query}"))
    assert why in words(ask(f"action=fail&scope=matching&{query}"))
    assert states(*items) == ["Prepared", "Failed"]
    act("fail", items[0], query=query)
    assert states(*items) == ["Failed", "Failed"]


@pytest.mark.parametrize("ids", [["x"], ["9" * 30], ["-1"], []])
def test_mangled_ticks_move_nothing(ids):
    item = queue_item("Failed")
    assert act("reject", ids=ids).status_code == 302
    assert states(item) == ["Failed"]


@pytest.mark.parametrize(("method", "place"), [("get", "ask/?action=fail"), ("post", "act/"), ("post", "undo/1/")])
def test_a_viewer_is_refused(method, place):
    assert getattr(visitor("viewer"), method)(f"/queue/{place}").status_code == 403


def test_actions_are_posts():
    assert visitor("operator").get("/queue/act/").status_code == 405
    assert visitor("operator").get("/queue/undo/1/").status_code == 405
    assert visitor("operator").post("/queue/ask/").status_code == 405

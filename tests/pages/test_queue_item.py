"""The page of one item tells its whole story, to everybody what they may know."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.core.repeated import REPEATED, Repeated
from routing.models import Attempt, HistoryEntry, NodeStatus, PrepareReport, QueueItem
from routing.operating.operator_actions import Action, perform
from routing.operating.undo import undo
from tests.builders import node, queue_item
from tests.pages import people
from tests.pages.busy_router import busy_router
from tests.pages.people import visitor

pytestmark = pytest.mark.django_db


def words(item, client):
    # A busy machine may need more than a second from the deed to its page.
    return re.sub(r"\b\d{1,2} s ago", "just now", people.words(client.get(f"/queue/{item}/")))


def test_an_item_tells_what_happened_why_and_what_the_node_answered():
    told = words(busy_router().pk, visitor(phi=True))
    for statement in (
        "gave up after 2 attempts: 0xA700 (Failure: Refused: Out of Resources)",
        "Prepared New → Prepared · worker",
        "Gave up Prepared → Failed · worker",
        "skipped 0008,0060 Modality is 'CT', wanted 'MG' (literal)",
        "error attempt to index a nil value (local 'name') libs/check.lua:14",
        "route:Add(RESEARCH) entry 2, line 7, version",
        "0010,0020 PatientID LO P-4711 HOSP-P-4711 Set, entry 2:3",
        "0008,1030 StudyDescription LO absent CT HEAD Set, entry 2:5",
        "PatientComments LT call her removed Remove",
        "Deferred 0xA700 (Failure: Refused: Out of Resources)",
        "Comment: disk full",
        "entry 2:8 sending a copy to RESEARCH",
        "SOP class CT Image Storage",
        "From the same received image",
        "Same study",
    ):
        assert statement in told


def test_a_copy_shows_the_report_of_the_image_it_was_made_from():
    busy_router()
    told = words(201, visitor(phi=True))
    assert "As the scripts decided for the received image: prepared" in told
    assert told.index("RESEARCH copy, 4 elements changed") < told.index("PACS original, 3 elements changed")
    assert "copied for RESEARCH" in told


def test_without_the_right_no_patient_value_is_on_the_page():
    item = busy_router()
    HistoryEntry.objects.create(
        item=item, at=timezone.now(), event="deferred", from_state="Prepared", to_state="Prepared", actor="worker",
        note="PACS answered: patient mustermann unknown, P-4711",
    )  # fmt: skip
    seen = visitor("operator").get(f"/queue/{item.pk}/").content.decode()
    secrets = (
        "MUSTERMANN",
        "mustermann",
        "ERIKA",
        "P-4711",
        "A2026042",
        "ANON^7",
        "CT HEAD",
        "call her",
        "sending a copy",
    )
    assert not any(text in seen for text in (*secrets, "local &#x27;name", "&#x27;CT&#x27;"))
    told = words(item.pk, visitor("operator"))
    assert "PACS answered: patient ••• unknown, •••" in told
    assert "0008,0060 Modality is •••" in told
    assert "libs/check.lua:14" in told


@pytest.mark.parametrize("prepared", [True, False])
def test_what_a_script_said_is_hidden_what_a_node_said_is_not(prepared):
    item = queue_item("Failed", last_error="John has no consent", prepared_at=timezone.now() if prepared else None)
    for address in (f"/queue/{item.pk}/", "/queue/", "/"):
        assert ("John has no consent" in visitor().get(address).content.decode()) is prepared


@pytest.mark.parametrize(
    ("state", "words_of_it"),
    [
        ("New", "Waits for the scripts"),
        ("Prepared", "Ready, waits for PACS"),
        ("Failed", "Failed just now: no reason kept"),
        ("Rejected", "Refused for good just now: no reason kept"),
        ("Expired", "Too old: received just now, never delivered"),
        ("Delivered", "PACS took it just now"),
        ("Dropped", "A script decided that nothing is to be sent"),
    ],
)
def test_the_verdict_of_every_state_is_a_sentence(state, words_of_it):
    item = queue_item(state, finished_at=timezone.now())
    assert words_of_it in words(item.pk, visitor())


def test_what_was_delivered_and_expired_when_it_was_to_be_sent_again_was_not_never_delivered():
    item = queue_item("Expired")
    move = {"from_state": "Prepared", "to_state": "Delivered", "event": "delivered", "actor": "worker"}
    HistoryEntry.objects.create(item=item, at=timezone.now(), **move)
    told = words(item.pk, visitor())
    assert "received just now, delivered once, but not when it was to be sent again." in told
    assert "never delivered" not in told


def test_an_item_that_is_gone_is_a_404_page():
    answer = visitor().get("/queue/12345/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()


def test_an_item_that_no_entry_met_says_so():
    told = words(queue_item("Prepared", prepared_at=timezone.now()).pk, visitor())
    assert "No entry was enabled: it went on as it came" in told
    assert "byte for byte as it came" in told


def test_a_test_image_is_told_to_have_met_no_script():
    item = queue_item("Prepared", prepared_at=timezone.now(), called_ae_title="PACS")
    HistoryEntry.objects.create(item=item, at=timezone.now(), event="test image", to_state="Prepared", actor="olga")
    told = words(item.pk, visitor())
    assert "A test image for PACS: no script sees it." in told
    assert "No entry was enabled" not in told


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("failed", "Nothing of it leaves."),
        ("retry", "Nothing of it leaves before the next try."),
        ("prepared", "No script called route: the image goes where its sender called, PACS."),
    ],
)
def test_without_a_route_it_is_told_whether_the_image_goes_at_all(verdict, told):
    item = queue_item("Failed", called_ae_title="PACS")
    PrepareReport.objects.create(item=item, at=timezone.now(), verdict=verdict)
    page = words(item.pk, visitor())
    assert told in page
    assert ("where its sender called" in page) is (verdict == "prepared")


def test_what_failed_before_any_script_waits_for_none():
    told = words(queue_item("Failed", last_error="no node answers to called AE title 'X'").pk, visitor())
    assert "No script has decided about it." in told


def test_an_item_without_any_story_has_a_page():
    item = QueueItem.objects.get(pk=queue_item("New", study_instance_uid="", sop_class_uid="not a uid", modality="").pk)
    told = words(item.pk, visitor())
    assert "The scripts have not finished yet." in told
    assert "Not sent yet." in told
    assert "Same study" not in told


@pytest.mark.parametrize(
    ("button", "sentence"),
    [
        ("fail", "the operator said that it has failed, just now: wrong side. Before: no connection"),
        ("reject", "the operator rejected it, just now: wrong side. Before: no connection"),
        ("delete", "the operator deleted it: nothing is sent, just now: wrong side."),
    ],
)
def test_what_a_person_decided_is_the_verdict_and_not_a_scripts_or_a_nodes_doing(button, sentence):
    item = queue_item("Prepared", prepared_at=timezone.now(), last_error="no connection")
    form = {"action": button, "scope": "ticked", "ids": [item.pk], "note": "wrong side"}
    visitor("operator").post("/queue/act/", form)
    told = words(item.pk, visitor())
    assert sentence in told
    assert "A script decided" not in told
    assert "Refused for good" not in told


def test_whoever_writes_scripts_and_sees_patients_takes_the_image_along_to_a_dry_run():
    item = queue_item("Delivered")
    # Rights stay with a person, so whoever may less comes first.
    for other in (visitor("script author"), visitor("operator", phi=True)):
        assert "Try scripts on this image" not in other.get(f"/queue/{item.pk}/").content.decode()
    page = visitor("script author", phi=True).get(f"/queue/{item.pk}/").content.decode()
    assert f'name="item" value="{item.pk}"' in page


@pytest.mark.parametrize("tried", [0, 3])
def test_what_waits_for_a_failing_node_says_when_the_node_is_tried_next(tried):
    pacs = node("PACS")
    later = timezone.now() + timedelta(minutes=7, seconds=30)
    NodeStatus.objects.create(node=pacs, failures_in_a_row=2, not_before=later)
    item = queue_item("Prepared", node=pacs, prepared_at=timezone.now(), attempt_count=tried)
    assert "next try in 7 min" in words(item.pk, visitor())
    assert "next now" not in people.words(visitor().get("/queue/"))
    NodeStatus.objects.update(failures_in_a_row=0)
    assert "in 7 min" not in words(item.pk, visitor())


def test_of_a_very_long_story_the_beginning_and_the_end_are_told():
    now = timezone.now()
    item = queue_item("New", last_error="retry: not complete yet")
    move = {"item": item, "event": "deferred", "from_state": "New", "to_state": "New", "actor": "worker"}
    HistoryEntry.objects.bulk_create(HistoryEntry(at=now, note=f"try {number}.", **move) for number in range(1500))
    Attempt.objects.bulk_create(
        Attempt(item=item, started_at=now, ended_at=now, answer="deferred", error=f"shot {number}.")
        for number in range(121)
    )
    told = words(item.pk, visitor(phi=True))
    assert [int(number) for number in re.findall(r"try (\d+)\.", told)] == [*range(20), *range(1400, 1500)]
    assert re.search(r"try 19\. 1\s380 lines are left out here\. .*?try 1400\.", told)
    assert [int(number) for number in re.findall(r"shot (\d+)\.", told)] == [*range(20), *range(21, 121)]
    assert "1 attempts are left out here." in told


@pytest.mark.parametrize("phi", [True, False])
def test_a_line_that_stands_for_many_deferrals_says_how_many_since_when_and_until_when(phi):
    now = timezone.now()
    item = queue_item("New", last_error="retry: not complete yet")
    move = {"item": item, "from_state": "New", "to_state": "New", "actor": "worker"}
    since, until = now - timedelta(hours=23, minutes=50), now - timedelta(minutes=10)
    first = {"at": since - timedelta(seconds=5), "event": "deferred", "note": "retry: not complete yet"}
    HistoryEntry.objects.create(**first, **move)
    HistoryEntry.objects.create(at=until, event=REPEATED, note=str(Repeated(16980, since)), **move)
    told = words(item.pk, visitor(phi=phi))
    assert re.search(
        rf"Deferred repeatedly New · worker{until:%Y-%m-%d %H:%M:%S} · 23 h later"
        rf"16\s980 times since {since:%Y-%m-%d %H:%M:%S}, for the same reason",
        told,
    )
    assert ("not complete yet" in told) == phi


def test_what_a_process_sent_that_ended_before_it_listed_the_attempt_was_sent():
    item = queue_item("Delivered", node=node("PACS"))
    took = {"event": "delivered", "from_state": "Prepared", "to_state": "Delivered", "actor": "recovery"}
    HistoryEntry.objects.create(item=item, at=timezone.now(), **took)
    told = words(item.pk, visitor())
    assert "Not sent yet" not in told
    assert "A node took it from a process that ended before it could list the attempt" in told


def test_a_long_story_is_told_whole():
    now = timezone.now()
    item = queue_item("New")
    HistoryEntry.objects.bulk_create(HistoryEntry(item=item, at=now, event=f"step {n}.") for n in range(120))
    told = words(item.pk, visitor(phi=True))
    assert len(re.findall(r"Step \d+\.", told)) == 120
    assert "left out" not in told


def test_what_a_person_decided_is_told_whatever_has_happened_to_the_item_since():
    deleted, failed, renamed = (queue_item("Prepared", node=node(title)) for title in ("PACS", "AI", "VNA"))
    for item, action in ((deleted, Action.DELETE), (failed, Action.FAIL), (renamed, Action.REJECT)):
        perform(action, [item.pk], actor="olga", scope="", note="wrong patient")
        perform(Action.REPLAY, [item.pk], actor="otto", scope="")
    operator = visitor("operator", phi=True)
    assert "olga deleted it: nothing is sent, just now: wrong patient." in words(deleted.pk, operator)
    assert "olga said that it has failed, just now: wrong patient." in words(failed.pk, operator)
    assert "olga rejected it, just now: wrong patient." in words(renamed.pk, operator)


def test_a_step_that_was_taken_back_did_not_bring_the_item_where_it_is():
    item = queue_item("Prepared", node=node("PACS"))
    perform(Action.DELETE, [item.pk], actor="olga", scope="")
    undo(perform(Action.PREPARE_AGAIN, [item.pk], actor="otto", scope=""))
    assert "olga deleted it" in words(item.pk, visitor())
    other = queue_item("Failed", last_error="no connection")
    undo(perform(Action.REJECT, [other.pk], actor="olga", scope=""))
    told = words(other.pk, visitor(phi=True))
    assert ": no connection" in told
    assert "olga rejected it" not in told


def test_a_replay_that_was_taken_back_says_so_also_after_it_was_replayed_itself():
    first = queue_item("Delivered", node=node("PACS"))
    undo(perform(Action.REPLAY, [first.pk], actor="olga", scope=""))
    again = QueueItem.objects.get(replay_of=first.pk)
    perform(Action.REPLAY, [again.pk], actor="otto", scope="")
    assert "olga took the replay back before it began." in words(again.pk, visitor())

"""Actions on many items: the question names number and sample, the deed does no more than that, Undo takes it back."""

import re

import pytest
from django.utils import timezone

from routing.models import AuditRecord, HistoryEntry, OperatorAction, QueueItem
from routing.views import queue_bulk
from tests.builders import node, queue_item
from tests.pages.bulk import act, ask, states
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


def test_the_question_names_number_destinations_sample_and_who_is_left_out():
    items = [queue_item("Failed", prepared_at=timezone.now(), patient_name=f"TEST^{n}") for n in range(7)]
    items.append(queue_item("Failed", prepared_at=timezone.now(), node=node("AI"), lease_owner="host:1:a"))
    items.append(queue_item("Failed", prepared_at=timezone.now(), purged_at=timezone.now()))
    items.append(queue_item("Delivered"))
    said = words(ask("action=retry&" + "&".join(f"ids={item.pk}" for item in items), visitor("operator", phi=True)))
    assert "Retry 8 items?" in said
    assert "For PACS (7), AI (1); the oldest came" in said
    assert "1 in progress: it follows when their worker is done." in said
    assert said.count("TEST^") == 5
    assert "Not 1: the file has been removed." in said
    assert "Not 1: Delivered: “Retry” means nothing there." in said
    assert states(*items) == ["Failed"] * 9 + ["Delivered"]


def test_the_question_hides_patients_from_those_who_may_not_see_them():
    item = queue_item("Failed", patient_name="SMITH^J")
    assert "SMITH" not in ask(f"action=fail&ids={item.pk}").content.decode()
    assert "SMITH" not in ask("action=reject&scope=matching").content.decode()


@pytest.mark.parametrize("scope", ["ticked", "matching"])
def test_what_is_delivered_while_the_question_is_open_is_not_sent_once_more(scope):
    items = [queue_item(state, prepared_at=timezone.now()) for state in ("Delivered", "Failed", "Failed")]
    question = ask("action=send-again&" + "&".join(f"ids={item.pk}" for item in items)).content.decode()
    (asked_at,) = re.findall(r'name="asked_at" value="([^"]+)"', question)
    QueueItem.objects.filter(pk=items[1].pk).update(state="Delivered", updated_at=timezone.now())
    said = words(act("send-again", *items, scope=scope, asked_at=asked_at, headers=HTMX))
    assert states(*items) == ["Prepared", "Delivered", "Prepared"]
    assert "2 items" in said and "1 item had been delivered meanwhile and stayed so." in said


def test_a_moment_that_is_none_leaves_nothing_out():
    item = queue_item("Delivered", prepared_at=timezone.now())
    act("send-again", item, asked_at="yesterday")
    assert states(item) == ["Prepared"]


def test_ticked_items_are_moved_with_the_reason_and_no_others():
    ticked = [queue_item("Failed"), queue_item("Failed")]
    other = queue_item("Failed")
    answer = act("reject", *ticked, query="state=Failed", note="wrong patient")
    assert answer.headers["Location"] == "/queue/?state=Failed"
    assert states(*ticked, other) == ["Rejected", "Rejected", "Failed"]
    assert {line.note for line in HistoryEntry.objects.all()} == {"wrong patient"}
    record = AuditRecord.objects.get()
    assert (record.actor, record.action, record.object) == ("the operator", "reject", "2 items")
    assert record.detail == {"filter": "2 items ticked", "reason": "wrong patient"}


def test_everything_that_matches_is_moved_but_not_what_came_after_the_question():
    matching = [queue_item("Failed", modality="MG", prepared_at=timezone.now()), queue_item("Failed", modality="MG")]
    others = [queue_item("Failed", modality="CT"), queue_item("Rejected", modality="MG")]
    question = ask("action=retry&scope=matching&state=Failed&modality=MG&sort=size&before=9").content.decode()
    assert "Retry 2 items?" in question
    target = re.search(r'action="(/queue/act/[^"]+)"', question)[1].replace("&amp;", "&")
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', question))
    later = queue_item("Failed", modality="MG")
    form.pop("csrfmiddlewaretoken")
    answer = visitor("operator").post(target, form)
    assert answer.headers["Location"] == "/queue/?state=Failed&modality=MG&sort=size"
    assert states(*matching, *others, later) == ["Prepared", "New", "Failed", "Rejected", "Failed"]
    assert AuditRecord.objects.get().detail == {"filter": "state=Failed&modality=MG&sort=size"}


def test_what_is_written_in_a_question_does_not_become_part_of_the_filter():
    item = queue_item("Failed", prepared_at=timezone.now())
    written = "csrfmiddlewaretoken=SECRET&note=for+ANNA&sure=1&node=3&asked=ticked&upto=9&unheard=of"
    question = ask(f"action=retry&scope=matching&state=Failed&sort=size&ids={item.pk}&{written}").content.decode()
    assert 'action="/queue/act/?state=Failed&amp;sort=size"' in question
    assert 'value="for ANNA"' in question
    visitor("operator").post(f"/queue/act/?state=Failed&{written}", {"action": "retry", "scope": "matching"})
    assert AuditRecord.objects.get().detail == {"filter": "state=Failed"}
    assert OperatorAction.objects.get().scope == "state=Failed"


def test_another_scope_than_the_question_was_drawn_for_is_asked_about_with_its_number():
    items = [queue_item("Failed", study_instance_uid="1.1") for _ in range(3)]
    form = {"action": "delete", "ids": [items[0].pk], "asked": "ticked", "scope": "study"}
    asked_anew = visitor("operator").post("/queue/act/", form)
    assert "Delete 3 items?" in words(asked_anew)
    assert states(*items) == ["Failed"] * 3
    assert 'name="asked" value="study"' in asked_anew.content.decode()
    visitor("operator").post("/queue/act/", form | {"asked": "study"})
    assert states(*items) == ["Dropped"] * 3


def test_a_study_or_series_is_meant_as_a_whole():
    same_series, same_study, other, blank = (
        queue_item("Failed", study_instance_uid=study, series_instance_uid=series)
        for study, series in (("1.1", "1.1.1"), ("1.1", "1.1.2"), ("1.2", "1.1.1"), ("", ""))
    )
    ticked = queue_item("Failed", study_instance_uid="1.1", series_instance_uid="1.1.1")
    said = words(ask(f"action=fail&ids={ticked.pk}"))
    assert "what is ticked 1" in said
    assert "the whole series 2" in said
    assert "the whole study or studies 3" in said
    assert "all that match the filter 5" in said
    act("reject", ticked, scope="series")
    assert states(ticked, same_series, same_study, other, blank) == ["Rejected", "Rejected", *["Failed"] * 3]
    act("reject", ticked, scope="study")
    assert states(ticked, same_series, same_study, other, blank) == [*["Rejected"] * 3, "Failed", "Failed"]
    act("reject", blank, scope="study")
    assert states(other, blank) == ["Failed", "Failed"]


def test_the_answer_is_the_list_with_what_became_of_it_and_the_offer_to_undo():
    items = [queue_item("Failed"), queue_item("Failed", lease_owner="host:1:a"), queue_item("Delivered")]
    client = visitor("operator")
    said = act("reject", *items, query="state=Failed", client=client, headers=HTMX).content.decode()
    assert 'id="queue"' in said
    assert "<html" not in said
    assert "1 item rejected. 1 item in progress: it follows when their worker is done. 1 item could not be" in said
    done = OperatorAction.objects.get()
    assert f'action="/queue/undo/{done.pk}/?state=Failed"' in said
    assert 'id="undo" role="status" hx-swap-oob="true"' in said
    page = client.get("/queue/").content.decode()
    assert f'action="/queue/undo/{done.pk}/' in page
    assert "/queue/undo/" not in visitor("script author").get("/queue/").content.decode()


def test_undo_puts_back_and_says_what_had_moved_on():
    items = [queue_item("Failed"), queue_item("Failed")]
    client = visitor("operator")
    act("reject", *items, client=client)
    QueueItem.objects.filter(pk=items[1].pk).update(lease_owner="host:1:a")
    address = f"/queue/undo/{OperatorAction.objects.get().pk}/"
    assert visitor("script author").post(address).status_code == 404
    said = client.post(address, headers=HTMX).content.decode()
    assert "Undone: 1 item put back as before. 1 item had moved on and stayed." in said
    assert states(*items) == ["Failed", "Rejected"]
    assert "Too late to undo" in client.post(address, headers=HTMX).content.decode()


def test_many_deletions_want_the_number_typed(monkeypatch):
    monkeypatch.setattr(queue_bulk, "TYPED_FROM", 2)
    items = [queue_item("Failed") for _ in range(3)]
    for sure in ("", "2", "many"):
        answer = act("delete", *items, sure=sure, headers=HTMX)
        assert "Type 3 to delete that many." in answer.content.decode()
        assert (answer["HX-Retarget"], answer["X-Question"]) == ("#ask", "1")
        assert states(*items) == ["Failed"] * 3
    act("delete", *items, sure="3")
    assert states(*items) == ["Dropped"] * 3
    assert QueueItem.objects.filter(finished_at=None).count() == 0


def test_another_destination_has_to_be_chosen_and_has_to_be_one():
    item = queue_item("Failed", prepared_at=timezone.now())
    other, lua = node("OTHER"), node("MPPS", role="mpps")
    assert "OTHER" in words(ask(f"action=change-destination&ids={item.pk}"))
    for chosen in ("", "x", str(lua.pk), "999"):
        said = act("change-destination", item, node=chosen).content.decode()
        assert "Choose the node that they go to." in said
    act("change-destination", item, node=other.pk)
    moved = QueueItem.objects.get(pk=item.pk)
    assert (moved.state, moved.destination_ae_title, moved.node_id) == ("Prepared", "OTHER", other.pk)


def test_one_press_is_bounded_and_takes_the_oldest(monkeypatch):
    for module in ("selecting.bulk", "views.queue_bulk"):
        monkeypatch.setattr(f"routing.{module}.MOST_AT_ONCE", 2)
    items = [queue_item("Failed") for _ in range(3)]
    assert "More match; these are the 2 oldest." in words(ask("action=reject&scope=matching&state=Failed"))
    said = act("reject", scope="matching", query="state=Failed", headers=HTMX).content.decode()
    assert "2 items rejected. Those were the oldest; more match" in said
    assert states(*items) == ["Rejected", "Rejected", "Failed"]


def test_a_button_that_means_nothing_on_a_tab_is_off_and_says_why():
    queue_item("Delivered")
    seen = visitor("operator").get("/queue/?state=Delivered").content.decode()
    for name in ("Retry", "Fail", "Reject", "Delete", "Prepare again", "Change destination"):
        assert f'disabled title="“{name}” means nothing for items that are Delivered"' in seen
    assert re.search(r'value="send-again">Send again', seen)
    assert 'id="bulk"' not in visitor("viewer").get("/queue/?state=Delivered").content.decode()
    assert 'type="checkbox"' not in visitor("viewer").get("/queue/?state=Delivered").content.decode()


def test_the_tabs_of_what_waits_for_a_person_offer_to_retry_all():
    for _ in range(4):
        queue_item("Failed")
    client = visitor("operator")
    assert "Retry all 4<" in client.get("/queue/?state=Failed").content.decode()
    assert "Retry all" not in client.get("/queue/").content.decode()


@pytest.mark.parametrize(
    ("back", "ends"),
    [
        ("/queue/7/?state=Failed", "/queue/7/?state=Failed"),
        ("/studies/1.2.3/", "/studies/1.2.3/"),
        ("//evil.example/queue/7/", "/queue/"),
        ("https://evil.example/queue/7/", "/queue/"),
        ("/\\evil.example/queue/7/", "/queue/"),
        ("/admin/", "/queue/"),
        ("queue/7/", "/queue/"),
    ],
)
def test_a_deed_leads_back_to_the_item_or_study_it_was_asked_on_and_never_out_of_the_site(back, ends):
    assert act("reject", queue_item("Failed"), back=back).headers["Location"] == ends


def test_a_deed_for_one_item_is_audited_under_its_number():
    item = queue_item("Failed")
    act("reject", item)
    assert AuditRecord.objects.get().object == f"item {item.pk}"

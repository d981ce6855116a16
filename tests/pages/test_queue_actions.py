"""The buttons: each is one event in the table of transitions, and the answer says what became of it."""

import pytest
from django.utils import timezone

from routing.core.states import QueueState
from routing.models import AuditRecord, HistoryEntry, OperatorAction, QueueItem
from tests.builders import node, queue_item
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


def press(item, button, client=None, **headers):
    return (client or visitor("operator")).post(f"/queue/{item.pk}/{button}/", headers=headers)


def now_is(item):
    return QueueItem.objects.get(pk=item.pk).state


@pytest.mark.parametrize(
    ("state", "button", "to"),
    [
        ("Failed", "send-again", "Prepared"),
        ("Rejected", "send-again", "Prepared"),
        ("Expired", "send-again", "Prepared"),
        ("Delivered", "send-again", "Prepared"),
        ("Failed", "prepare-again", "New"),
        ("Prepared", "prepare-again", "New"),
        ("Dropped", "prepare-again", "New"),
        ("New", "try-now", "New"),
        ("Prepared", "try-now", "Prepared"),
        ("New", "fail", "Failed"),
        ("Prepared", "fail", "Failed"),
        ("Rejected", "fail", "Failed"),
        ("New", "reject", "Rejected"),
        ("Failed", "reject", "Rejected"),
    ],
)
def test_a_button_moves_the_item_and_tells_who_did_it(state, button, to):
    item = queue_item(state, prepared_at=timezone.now())
    assert press(item, button).headers["Location"] == f"/queue/{item.pk}/"
    assert now_is(item) == to
    line = HistoryEntry.objects.get(item=item)
    assert (line.actor, line.from_state, line.to_state) == ("the operator", state, to)
    assert AuditRecord.objects.get().object == f"item {item.pk}"


@pytest.mark.parametrize(("state", "button"), [("New", "send-again"), ("Delivered", "fail"), ("Failed", "fail")])
def test_what_means_nothing_in_a_state_changes_nothing_and_says_so(state, button):
    item = queue_item(state, prepared_at=timezone.now())
    client = visitor("operator")
    told = client.post(f"/queue/{item.pk}/{button}/", follow=True).content.decode()
    assert f"did nothing to item {item.pk}: it is {state}" in told
    assert now_is(item) == state
    assert not AuditRecord.objects.exists()


@pytest.mark.fault(120, "pressed while a worker sends the item")
def test_an_item_that_a_worker_holds_keeps_the_wish():
    item = queue_item("Prepared", lease_owner="host:1:a")
    client = visitor("operator")
    told = client.post(f"/queue/{item.pk}/fail/", follow=True).content.decode()
    assert "follows when its worker is done" in told
    assert "then Failed" in told
    assert QueueItem.objects.get(pk=item.pk).pending_state == QueueState.FAILED


@pytest.mark.parametrize(
    ("columns", "button", "why"),
    [
        ({"purged_at": timezone.now(), "prepared_at": timezone.now()}, "send-again", "the file has been removed"),
        ({"received_id": 1, "prepared_at": timezone.now()}, "prepare-again", "a copy meets no script again"),
        ({}, "send-again", "the scripts have not finished it"),
    ],
)
def test_a_button_that_is_not_possible_is_off_and_says_why(columns, button, why):
    item = queue_item("Failed", **columns)
    client = visitor("operator")
    page = client.get(f"/queue/{item.pk}/").content.decode()
    assert f"Not possible: {why}" in page
    assert f'action="/queue/{item.pk}/{button}/"' not in page
    assert why in client.post(f"/queue/{item.pk}/{button}/", follow=True).content.decode()
    assert now_is(item) == "Failed"


@pytest.mark.parametrize(("prepared_at", "button"), [(timezone.now(), "send-again"), (None, "prepare-again")])
def test_a_row_offers_the_one_retry_that_fits(prepared_at, button):
    item = queue_item("Failed", prepared_at=prepared_at)
    page = visitor("operator").get("/queue/").content.decode()
    assert page.count(f'action="/queue/{item.pk}/') == 1
    assert f'action="/queue/{item.pk}/{button}/"' in page


def test_pressed_in_a_row_the_answer_is_the_changed_row_and_the_message():
    item = queue_item("Failed", prepared_at=timezone.now())
    answer = press(item, "send-again", **HTMX, **{"HX-Target": f"row-{item.pk}"}).content.decode()
    assert answer.strip().startswith(f'<tr id="row-{item.pk}">')
    assert "Prepared" in answer
    assert f"Item {item.pk} is now Prepared." in answer
    assert "hx-swap-oob" in answer


def test_pressed_on_the_page_the_answer_is_the_item_and_the_message():
    item = queue_item("Failed", prepared_at=timezone.now())
    answer = press(item, "send-again", **HTMX, **{"HX-Target": "item"}).content.decode()
    assert "<html" not in answer
    assert "Ready, waits for PACS" in answer
    assert f"Item {item.pk} is now Prepared." in answer


def test_an_item_that_is_gone_is_not_found():
    assert visitor("operator").post("/queue/404/fail/").status_code == 404


def test_a_form_of_another_site_is_refused():
    item = queue_item("Failed", prepared_at=timezone.now())
    client = visitor("operator")
    client.handler.enforce_csrf_checks = True
    answer = client.post(f"/queue/{item.pk}/send-again/")
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert now_is(item) == "Failed"


def test_the_page_of_an_item_asks_about_what_is_hard_to_take_back_and_says_why_something_is_off():
    item = queue_item("Delivered", prepared_at=timezone.now(), received_id=1)
    page = visitor("operator").get(f"/queue/{item.pk}/?state=Delivered").content.decode()
    assert "Replay: a copy meets no script again; its original does." in page
    assert "Delete: Delivered: “Delete” means nothing there." in page
    assert f"ids={item.pk}&amp;action=move&amp;back=%2Fqueue%2F{item.pk}%2F%3Fstate%3DDelivered" in page
    assert "/queue/ask/" not in visitor("viewer").get(f"/queue/{item.pk}/").content.decode()


def test_what_was_done_to_an_item_is_taken_back_on_its_page():
    item = queue_item("Failed", prepared_at=timezone.now())
    client = visitor("operator")
    answer = client.post(f"/queue/{item.pk}/send-again/?state=Failed", headers=HTMX)
    assert "1 item to be sent again" in words(answer)
    undo = f"/queue/undo/{OperatorAction.objects.get().pk}/"
    assert undo in answer.content.decode()
    assert undo not in client.get(f"/queue/{queue_item('Failed').pk}/").content.decode()
    answer = client.post(undo, {"back": f"/queue/{item.pk}/?state=Failed"})
    assert answer["Location"] == f"/queue/{item.pk}/?state=Failed"
    assert QueueItem.objects.get(pk=item.pk).state == "Failed"


def test_an_item_and_its_replay_lead_to_each_other():
    node("PACS")
    item = queue_item("Delivered", prepared_at=timezone.now())
    client = visitor("operator")
    form = {"action": "replay", "scope": "ticked", "ids": [item.pk], "back": f"/queue/{item.pk}/"}
    assert client.post("/queue/act/", form)["Location"] == f"/queue/{item.pk}/"
    again = QueueItem.objects.get(replay_of=item.pk)
    page = client.get(f"/queue/{item.pk}/")
    assert f"as item {again.pk}, which is New now." in words(page)
    assert "1 item replayed" in words(page)
    assert f"Replay of item {item.pk}" in words(client.get(f"/queue/{again.pk}/"))
    assert f"replay of item {item.pk}" in words(client.get(f"/queue/{item.pk}/related/"))

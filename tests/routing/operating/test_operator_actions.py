"""What people do to many items: exactly that, and at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.models import (
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    NodeStatus,
    OperatorStep,
)
from routing.operating import operator_actions
from routing.operating.operator_actions import Action, perform
from routing.operating.undo import last_undoable, undo
from routing.queue.record import Move, record
from tests.builders import node, queue_item
from tests.routing.operating.acting import columns, do, stories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("action", "ends"),
    [
        (Action.RETRY, "New Prepared Prepared Prepared Prepared Delivered Dropped"),
        (Action.TRY_NOW, "New Prepared Failed Rejected Expired Delivered Dropped"),
        (Action.FAIL, "Failed Failed Failed Failed Expired Delivered Dropped"),
        (Action.REJECT, "Rejected Rejected Rejected Rejected Expired Delivered Dropped"),
        (Action.DELETE, "Dropped Dropped Dropped Dropped Dropped Delivered Dropped"),
        (Action.PREPARE_AGAIN, "New New New New New Delivered New"),
        (Action.SEND_AGAIN, "New Prepared Prepared Prepared Prepared Prepared Dropped"),
        (Action.REDIRECT, "New Prepared Prepared Prepared Prepared Delivered Dropped"),
        (Action.REPLAY, "New Prepared Failed Rejected Expired Delivered Dropped"),
    ],
)
def test_each_action_moves_what_the_table_of_states_allows(action, ends):
    items = stories()
    do(action, *items, node=node("OTHER") if action is Action.REDIRECT else None)
    assert [columns(item)[item.pk]["state"] for item in items] == ends.split()


def test_another_destination_is_in_item_and_history_and_the_old_errors_are_gone():
    other = node("OTHER")
    item = stories()[2]
    do(Action.REDIRECT, item, node=other, note="PACS is down")
    now = columns(item)[item.pk]
    assert (now["destination_ae_title"], now["node_id"], now["attempt_count"]) == ("OTHER", other.pk, 0)
    assert (now["last_error"], now["last_status"], now["recipe"]) == ("", None, b"recipe")
    assert now["not_before"] <= timezone.now()
    line = HistoryEntry.objects.get(item=item)
    assert (line.event, line.from_state, line.to_state) == ("redirected", "Failed", "Prepared")
    assert line.note == "to OTHER: PACS is down"
    assert AuditRecord.objects.get().detail == {"filter": "state=Failed", "reason": "PACS is down", "node": "OTHER"}


@pytest.mark.parametrize(
    ("action", "state"), [(Action.TRY_NOW, "Prepared"), (Action.RETRY, "Failed"), (Action.REDIRECT, "Failed")]
)
def test_who_wants_images_sent_ends_the_back_off_of_their_node_and_of_no_other(action, state):
    until = timezone.now() + timedelta(minutes=9)
    pacs, other = node("PACS"), node("OTHER")
    for each in (pacs, other):
        NodeStatus.objects.create(node=each, failures_in_a_row=7, not_before=until)
    item = queue_item(state, node=pacs, prepared_at=timezone.now(), not_before=until, attempt_count=2)
    assert do(action, item, node=pacs if action is Action.REDIRECT else None).moved == 1
    assert columns(item)[item.pk]["not_before"] <= timezone.now()
    status = NodeStatus.objects.get(node=pacs)
    assert (status.failures_in_a_row, status.not_before <= timezone.now()) == (7, True)
    assert NodeStatus.objects.get(node=other).not_before == until


def test_a_try_now_keeps_the_number_of_attempts_and_leaves_what_is_being_tried():
    held = queue_item("Prepared", lease_owner="host:1:a")
    waiting = queue_item("Prepared", attempt_count=3, last_error="no connection")
    before = columns(held)
    done = do(Action.TRY_NOW, held, waiting)
    assert (done.moved, done.pending, done.untouched) == (1, 0, 1)
    assert columns(held) == before
    assert columns(waiting)[waiting.pk]["attempt_count"] == 3
    assert HistoryEntry.objects.get().event == "try now"


def test_what_a_worker_holds_is_not_redirected():
    item = queue_item("Prepared", prepared_at=timezone.now(), lease_owner="host:1:a")
    before = columns(item)
    assert do(Action.REDIRECT, item, node=node("OTHER")).untouched == 1
    assert columns(item) == before


def test_the_history_of_an_item_names_who_wished_it_while_it_was_in_progress_and_why():
    rejected, dropped = (queue_item("Prepared", lease_owner="host:1:a") for _ in range(2))
    undo(do(Action.REJECT, rejected, note="a mistake"))
    do(Action.FAIL, rejected, dropped, note="the first thought")
    perform(Action.REJECT, [rejected.pk], actor="otto", scope="", note="wrong patient")
    moves = [Move(rejected.pk, QueueState.PREPARED, QueueEvent.DEFERRED)]
    moves.append(Move(dropped.pk, QueueState.PREPARED, QueueEvent.DELIVERED))
    record(moves, actor="delivery", owner="host:1:a")
    line = HistoryEntry.objects.get(item=rejected, to_state="Rejected")
    assert (line.actor, line.note) == ("otto", "asked for while the item was in progress: wrong patient")
    assert ItemLogLine.objects.get(item=dropped).text.startswith("olga wanted it Failed while it was in progress")


def test_what_did_nothing_is_not_audited_and_cannot_be_undone():
    done = do(Action.FAIL, queue_item("Delivered"))
    assert (done.moved, done.untouched) == (0, 1)
    assert not AuditRecord.objects.exists()
    assert last_undoable("olga") is None


def test_many_items_go_in_chunks_and_time_ends_the_action_between_two(monkeypatch):
    monkeypatch.setattr(operator_actions, "_CHUNK", 2)
    monkeypatch.setattr("routing.operating.undo._CHUNK", 2)
    items = [queue_item("Failed") for _ in range(5)]
    done = do(Action.REJECT, *items)
    assert done.moved == OperatorStep.objects.filter(action=done).count() == 5
    assert undo(done) == 5
    monkeypatch.setattr(operator_actions, "_LONGEST", -1.0)
    done = do(Action.REJECT, *items)
    assert done.moved == 2
    assert undo(done) == 2

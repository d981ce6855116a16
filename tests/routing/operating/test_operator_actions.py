"""What people do to many items: exactly that, at once, and back again."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.models import (
    AuditRecord,
    HistoryEntry,
    ItemLogLine,
    Node,
    NodeStatus,
    OperatorAction,
    OperatorStep,
    QueueItem,
)
from routing.operating import operator_actions
from routing.operating.operator_actions import Action, TooLate, last_undoable, perform, undo
from routing.queue.record import Move, record
from tests.builders import node, queue_item

pytestmark = pytest.mark.django_db


def columns(*items):
    """Every column of these items as it stands in the database."""
    return {row["id"]: row for row in QueueItem.objects.filter(pk__in=[item.pk for item in items]).values()}


def do(action, *items, **more):
    return perform(action, [item.pk for item in items], actor="olga", scope="state=Failed", **more)


def stories():
    """Items in every state, with something in every column that an action may change."""
    now = timezone.now()
    pacs = node("PACS")
    given = {
        "node": pacs,
        "prepared_at": now - timedelta(minutes=3),
        "attempt_count": 4,
        "last_error": "no connection",
        "last_status": 0xA700,
        "recipe": b"recipe",
        "prepared_file": "1.dcm",
        "updated_at": now - timedelta(minutes=2, microseconds=7),
        "not_before": now + timedelta(minutes=1, microseconds=3),
    }
    states = ("Prepared", "Failed", "Rejected", "Expired", "Delivered", "Dropped")
    return [queue_item("New", node=pacs), *(queue_item(state, **given) for state in states)]


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.REPLAY}))
def test_undo_gives_every_column_back_exactly(action):
    items = stories()
    before = columns(*items)
    done = do(action, *items, node=node("OTHER") if action is Action.REDIRECT else None)
    changed = {pk for pk, row in columns(*items).items() if row != before[pk]}
    assert len(changed) == done.moved == OperatorStep.objects.count() > 0
    assert done.moved + done.untouched == len(items)
    assert undo(done) == done.moved
    assert columns(*items) == before
    lines = HistoryEntry.objects.filter(event="undone")
    assert {(line.item_id, line.to_state, line.actor) for line in lines} == {
        (pk, before[pk]["state"], "olga") for pk in changed
    }


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


def test_a_wish_of_an_item_in_progress_is_withdrawn_by_undo():
    item = queue_item("Prepared", lease_owner="host:1:a")
    before = columns(item)
    done = do(Action.DELETE, item)
    assert (done.moved, done.pending) == (0, 1)
    assert columns(item)[item.pk]["pending_state"] == "Dropped"
    assert undo(done) == 1
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


@pytest.mark.parametrize(("theirs", "wish"), [(Action.REJECT, "Rejected"), (Action.FAIL, "Failed")])
def test_undo_leaves_what_a_colleague_wishes_of_an_item_in_progress_since(theirs, wish):
    item = queue_item("Prepared", lease_owner="host:1:a")
    mine = do(Action.FAIL, item)
    perform(theirs, [item.pk], actor="otto", scope="")
    assert undo(mine) == 0
    assert columns(item)[item.pk]["pending_state"] == wish


def test_a_wish_that_two_have_goes_when_both_have_taken_it_back():
    item = queue_item("Prepared", lease_owner="host:1:a")
    before = columns(item)
    mine = do(Action.FAIL, item)
    theirs = perform(Action.FAIL, [item.pk], actor="otto", scope="")
    assert undo(theirs) == 1
    assert columns(item)[item.pk]["pending_state"] == "Failed"
    assert undo(mine) == 1
    assert columns(item) == before


def test_what_has_moved_on_stays_when_the_rest_goes_back():
    stays, again, taken, back = (queue_item("Failed", prepared_at=timezone.now()) for _ in range(4))
    done = do(Action.RETRY, stays, again, taken, back)
    QueueItem.objects.filter(pk=stays.pk).update(state="Delivered", updated_at=timezone.now())
    # It has been tried meanwhile, and waits once more.
    QueueItem.objects.filter(pk=again.pk).update(attempt_count=1, updated_at=timezone.now())
    QueueItem.objects.filter(pk=taken.pk).update(lease_owner="host:1:a")
    assert undo(done) == 1
    ended = [columns(item)[item.pk]["state"] for item in (stays, again, taken, back)]
    assert ended == ["Delivered", "Prepared", "Prepared", "Failed"]
    assert OperatorAction.objects.get().put_back == 1


def test_an_undo_that_broke_off_is_pressed_again_for_the_rest(monkeypatch):
    """The web process was killed, or the database went away, when a part had been put back."""
    monkeypatch.setattr(operator_actions, "_CHUNK", 2)
    items = [queue_item("Failed", prepared_at=timezone.now()) for _ in range(5)]
    done = do(Action.DELETE, *items)
    one_by_one, parts = operator_actions._undo, []

    def away(*arguments):
        if len(parts) == 1:
            raise OperationalError("database is locked")
        parts.append(one_by_one(*arguments))
        return parts[-1]

    monkeypatch.setattr(operator_actions, "_undo", away)
    with pytest.raises(OperationalError):
        undo(done)
    assert QueueItem.objects.filter(state="Failed").count() == 2
    monkeypatch.setattr(operator_actions, "_undo", one_by_one)
    again = last_undoable("olga")
    assert again == done
    assert undo(again) == 5
    assert QueueItem.objects.filter(state="Failed").count() == 5
    assert AuditRecord.objects.get(action="undo delete").object == "5 of 5 items"
    with pytest.raises(TooLate):
        undo(again)


def test_undo_is_possible_once_and_only_for_a_while():
    item = queue_item("Failed")
    done = do(Action.REJECT, item)
    assert last_undoable("olga") == done
    assert last_undoable("otto") is None
    undo(done)
    assert last_undoable("olga") is None
    with pytest.raises(TooLate):
        undo(done)
    done = do(Action.REJECT, item)
    OperatorAction.objects.filter(pk=done.pk).update(undo_until=timezone.now() - timedelta(minutes=1))
    assert last_undoable("olga") is None
    with pytest.raises(TooLate):
        undo(OperatorAction.objects.get(pk=done.pk))
    assert columns(item)[item.pk]["state"] == "Rejected"


def test_a_node_that_is_gone_meanwhile_does_not_stop_the_undo():
    item = queue_item("Prepared", node=node("SHORTLIVED"), prepared_at=timezone.now())
    done = do(Action.REDIRECT, item, node=node("OTHER"))
    Node.objects.get(ae_title="SHORTLIVED").delete()
    assert undo(done) == 1
    now = columns(item)[item.pk]
    assert (now["destination_ae_title"], now["node_id"]) == ("SHORTLIVED", None)


def test_what_did_nothing_is_not_audited_and_cannot_be_undone():
    done = do(Action.FAIL, queue_item("Delivered"))
    assert (done.moved, done.untouched) == (0, 1)
    assert not AuditRecord.objects.exists()
    assert last_undoable("olga") is None


def test_many_items_go_in_chunks_and_time_ends_the_action_between_two(monkeypatch):
    monkeypatch.setattr(operator_actions, "_CHUNK", 2)
    items = [queue_item("Failed") for _ in range(5)]
    done = do(Action.REJECT, *items)
    assert done.moved == OperatorStep.objects.filter(action=done).count() == 5
    assert undo(done) == 5
    monkeypatch.setattr(operator_actions, "_LONGEST", -1.0)
    done = do(Action.REJECT, *items)
    assert done.moved == 2
    assert undo(done) == 2


def test_undo_of_a_replay_ends_what_no_worker_has_begun_and_leaves_the_repeated_items_alone():
    node("PACS")
    first, second = queue_item("Delivered"), queue_item("Failed")
    before = columns(first, second)
    done = do(Action.REPLAY, first, second, queue_item("New"))
    assert (done.moved, done.untouched) == (2, 1)
    begun, waits = QueueItem.objects.get(replay_of=first.pk), QueueItem.objects.get(replay_of=second.pk)
    QueueItem.objects.filter(pk=begun.pk).update(lease_owner="host:1:a")
    assert undo(done) == 1
    assert columns(first, second) == before
    assert [columns(item)[item.pk]["state"] for item in (begun, waits)] == ["New", "Dropped"]
    waits.refresh_from_db()
    assert waits.finished_at is not None
    assert list(waits.history.values_list("event", "to_state", "actor")) == [
        ("replay", "New", "olga"),
        ("undone", "Dropped", "olga"),
    ]

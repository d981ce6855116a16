"""What people did to items is taken back: every column, while nothing else has happened to them."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.models import (
    AuditRecord,
    HistoryEntry,
    Node,
    OperatorAction,
    OperatorStep,
    QueueItem,
)
from routing.operating import undo as undoing
from routing.operating.operator_actions import EVENTS, Action, perform
from routing.operating.undo import TooLate, last_undoable, undo
from routing.queue.record import Move, record
from routing.showing.led_by import led_by
from tests.builders import node, queue_item
from tests.routing.operating.acting import columns, do, stories

pytestmark = pytest.mark.django_db


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


def test_a_wish_of_an_item_in_progress_is_withdrawn_by_undo():
    item = queue_item("Prepared", lease_owner="host:1:a")
    before = columns(item)
    done = do(Action.DELETE, item)
    assert (done.moved, done.pending) == (0, 1)
    assert columns(item)[item.pk]["pending_state"] == "Dropped"
    assert undo(done) == 1
    assert columns(item) == before


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


@pytest.mark.parametrize(
    ("event", "state", "mine", "theirs"),
    [
        (QueueEvent.GAVE_UP, "Failed", Action.RETRY, Action.FAIL),
        (QueueEvent.REFUSED, "Rejected", Action.RETRY, Action.REJECT),
        (QueueEvent.DROPPED, "Dropped", Action.PREPARE_AGAIN, Action.DELETE),
    ],
)
def test_what_two_have_taken_back_one_after_another_led_the_items_nowhere(event, state, mine, theirs):
    """The failures page said that operators said so, and the studies page that images were deleted."""
    before = QueueState.NEW if event is QueueEvent.DROPPED else QueueState.PREPARED
    prepared = None if event is QueueEvent.DROPPED else timezone.now()
    items = [queue_item(before, lease_owner="host:1:a", prepared_at=prepared) for _ in range(3)]
    record([Move(item.pk, before, event) for item in items], actor="worker", owner="host:1:a")
    first = do(mine, *items)
    second = perform(theirs, [item.pk for item in items], actor="otto", scope="")
    assert led(state) == {EVENTS[theirs]}
    assert [undo(second), undo(first)] == [3, 3]
    assert led(state) == {event}


def led(state):
    return set(QueueItem.objects.filter(state=state).annotate(by=led_by()).values_list("by", flat=True))


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
    monkeypatch.setattr(undoing, "_CHUNK", 2)
    items = [queue_item("Failed", prepared_at=timezone.now()) for _ in range(5)]
    done = do(Action.DELETE, *items)
    one_by_one, parts = undoing._undo, []

    def away(*arguments):
        if len(parts) == 1:
            raise OperationalError("database is locked")
        parts.append(one_by_one(*arguments))
        return parts[-1]

    monkeypatch.setattr(undoing, "_undo", away)
    with pytest.raises(OperationalError):
        undo(done)
    assert QueueItem.objects.filter(state="Failed").count() == 2
    monkeypatch.setattr(undoing, "_undo", one_by_one)
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

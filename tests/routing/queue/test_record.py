"""Items change their state in one place: leases are conditions, history is written with them, wishes are kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.models import HistoryEntry, ItemLogLine, QueueItem
from routing.queue.record import Move, carry_out_wishes, record, record_for, retry_for
from tests.builders import fresh, queue_item

pytestmark = pytest.mark.django_db

ME, OTHER = "host:1:me", "host:2:other"


def held(state: str = "Prepared", owner: str = ME, **columns: Any) -> QueueItem:
    return queue_item(state, lease_owner=owner, lease_until=timezone.now() + timedelta(minutes=1), **columns)


def delivered(item: QueueItem, **columns: Any) -> Move:
    return Move(item.id, QueueState.PREPARED, QueueEvent.DELIVERED, "sent", columns)


def history(item: QueueItem) -> list[tuple[str, str, str, str, str]]:
    columns = ("event", "from_state", "to_state", "actor", "note")
    return list(HistoryEntry.objects.filter(item=item).values_list(*columns))


def everything(**columns: Any) -> Any:
    return QueueItem.objects.filter(**columns)


def test_a_move_sets_state_and_columns_ends_the_lease_and_writes_history() -> None:
    item = held(prepare_starts=2)
    assert record([delivered(item, last_status=0xB000, warning=True)], actor="worker", owner=ME) == {item.id}
    now = fresh(item)
    assert (now.state, now.lease_owner, now.lease_until) == ("Delivered", "", None)
    assert (now.last_status, now.warning, now.prepare_starts) == (0xB000, True, 0)
    assert now.finished_at is not None
    assert history(item) == [("delivered", "Prepared", "Delivered", "worker", "sent")]


@pytest.mark.parametrize("columns", [{"owner": OTHER}, {"owner": ""}, {"state": "New"}, {"state": "Failed"}])
def test_a_worker_that_overslept_moves_nothing(columns: dict[str, Any]) -> None:
    item = held(**columns)
    before = QueueItem.objects.filter(id=item.id).values()[0]
    assert record([delivered(item)], actor="worker", owner=ME) == set()
    assert QueueItem.objects.filter(id=item.id).values()[0] == before
    assert history(item) == []


def test_of_several_moves_those_that_can_happen_do() -> None:
    mine, others, mine_too = held(), held(owner=OTHER), held()
    moved = record([delivered(mine), delivered(others), delivered(mine_too)], actor="worker", owner=ME)
    assert moved == {mine.id, mine_too.id}
    assert HistoryEntry.objects.count() == 2


def test_state_and_history_stand_or_fall_together() -> None:
    item = held()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record([delivered(item)], actor="worker", owner=ME)
        raise ZeroDivisionError
    assert fresh(item).state == "Prepared"
    assert history(item) == []


def test_an_impossible_move_stops_everything_beside_it() -> None:
    item, failed = held(), held("Failed")
    moves = [delivered(item), Move(failed.id, QueueState.FAILED, QueueEvent.DELIVERED)]
    with pytest.raises(ValueError, match="delivered means nothing for an item that is Failed"), transaction.atomic():
        record(moves, actor="worker", owner=ME)
    assert fresh(item).state == "Prepared"


def test_what_scripts_put_into_the_columns_is_cut_and_freed_of_nul() -> None:
    item = held("New")
    columns = {"patient_id": "x" * 300, "patient_name": "A\0B", "recipe": b"recipe", "accession_number": "y" * 40}
    record([Move(item.id, QueueState.NEW, QueueEvent.PREPARED, "", columns)], actor="worker", owner=ME)
    now = fresh(item)
    assert (now.patient_id, now.patient_name, now.accession_number) == ("x" * 64, "AB", "y" * 16)
    assert bytes(now.recipe) == b"recipe"


@pytest.mark.parametrize(
    ("wish", "event", "becomes"),
    [
        ("Failed", QueueEvent.DEFERRED, "Failed"),
        ("Rejected", QueueEvent.DEFERRED, "Rejected"),
        ("New", QueueEvent.DEFERRED, "New"),
        ("Rejected", QueueEvent.GAVE_UP, "Rejected"),
    ],
)
def test_what_an_operator_wished_for_happens_when_the_lease_ends(wish: str, event: QueueEvent, becomes: str) -> None:
    item = held(pending_state=wish)
    record([Move(item.id, QueueState.PREPARED, event)], actor="worker", owner=ME)
    now = fresh(item)
    assert (now.state, now.pending_state, now.lease_owner) == (becomes, "", "")
    assert [line[3] for line in history(item)] == ["worker", "operator"]
    assert not ItemLogLine.objects.exists()


def test_a_wish_that_has_lost_its_meaning_is_dropped_and_the_items_log_says_so() -> None:
    item = held(pending_state="Failed")
    record([delivered(item)], actor="worker", owner=ME)
    now = fresh(item)
    assert (now.state, now.pending_state) == ("Delivered", "")
    assert [line[0] for line in history(item)] == ["delivered"]
    line = ItemLogLine.objects.get(item=item)
    assert (line.level, line.source) == ("warning", "router")
    assert (
        line.text == "an operator wanted it Failed while it was in progress; it is Delivered now, so that was dropped"
    )


def test_wishes_are_left_alone_where_there_are_none() -> None:
    item = queue_item()
    carry_out_wishes([item.id])
    assert fresh(item).state == "Prepared"
    assert history(item) == []


def test_a_button_moves_what_is_free_marks_what_is_held_and_counts_the_rest() -> None:
    free, busy, done = queue_item(), held(), queue_item("Delivered")
    moved = record_for(everything(), QueueEvent.REJECTED_BY_OPERATOR, actor="anna", note="not ours")
    assert (moved.moved, moved.pending, moved.untouched) == (1, 1, 1)
    assert (fresh(free).state, fresh(busy).state, fresh(done).state) == ("Rejected", "Prepared", "Delivered")
    assert fresh(busy).pending_state == "Rejected"
    assert history(free) == [("rejected by operator", "Prepared", "Rejected", "anna", "not ours")]
    assert history(busy) == history(done) == []


def test_what_nobody_can_wish_for_leaves_held_items_untouched() -> None:
    item = held("New")
    moved = record_for(everything(), QueueEvent.OUTLIVED, actor="retention")
    assert (moved.moved, moved.pending, moved.untouched) == (0, 0, 1)
    assert fresh(item).pending_state == ""
    assert record([Move(item.id, QueueState.NEW, QueueEvent.PREPARED)], actor="worker", owner=ME)


def test_a_copy_is_never_prepared_again() -> None:
    original = queue_item("Failed")
    copy = queue_item("Failed", received_id=original.id)
    moved = record_for(everything(), QueueEvent.PREPARE_AGAIN, actor="anna")
    assert (moved.moved, moved.untouched) == (1, 1)
    assert (fresh(original).state, fresh(copy).state) == ("New", "Failed")


def test_what_the_scripts_never_finished_is_never_sent() -> None:
    prepared = queue_item("Failed", prepared_at=timezone.now())
    unprepared = queue_item("Failed")
    assert record_for(everything(), QueueEvent.SEND_AGAIN, actor="anna").moved == 1
    assert (fresh(prepared).state, fresh(unprepared).state) == ("Prepared", "Failed")


@pytest.mark.parametrize("event", [QueueEvent.SEND_AGAIN, QueueEvent.PREPARE_AGAIN])
def test_what_is_purged_is_never_done_again(event: QueueEvent) -> None:
    item = queue_item("Expired", prepared_at=timezone.now(), purged_at=timezone.now())
    assert record_for(everything(), event, actor="anna").untouched == 1
    assert fresh(item).state == "Expired"


def test_preparing_again_forgets_what_was_prepared_and_tried() -> None:
    now = timezone.now()
    item = queue_item(
        "Failed", recipe=b"r", prepared_file="f.dcm", prepared_at=now, finished_at=now, attempt_count=4,
        prepare_starts=3, warning=True, not_before=now + timedelta(days=1),
    )  # fmt: skip
    record_for(everything(), QueueEvent.PREPARE_AGAIN, actor="anna")
    after = fresh(item)
    assert (after.recipe, after.prepared_file, after.prepared_at, after.finished_at) == (None, "", None, None)
    assert (after.attempt_count, after.prepare_starts, after.warning) == (0, 0, False)
    assert after.not_before <= timezone.now()


def test_sending_again_keeps_what_is_prepared_and_forgets_the_attempts() -> None:
    now = timezone.now()
    item = queue_item(
        "Delivered", recipe=b"r", prepared_at=now, finished_at=now, attempt_count=4, warning=True,
        not_before=now + timedelta(days=1),
    )  # fmt: skip
    record_for(everything(), QueueEvent.SEND_AGAIN, actor="anna")
    after = fresh(item)
    assert (bytes(after.recipe), after.prepared_at, after.finished_at) == (b"r", now, None)
    assert (after.state, after.attempt_count, after.warning) == ("Prepared", 0, False)
    assert after.not_before <= timezone.now()


def test_more_items_than_a_statement_names_are_all_moved_with_their_history() -> None:
    pattern = queue_item("Failed")
    QueueItem.objects.bulk_create(
        QueueItem(**{f.attname: getattr(pattern, f.attname) for f in QueueItem._meta.concrete_fields}
                  | {"id": 10**6 + n, "received_id": 10**6 + n})
        for n in range(1203)
    )  # fmt: skip
    assert record_for(everything(id__gte=10**6), QueueEvent.PREPARE_AGAIN, actor="anna").moved == 1203
    assert everything(state="New").count() == 1203
    assert HistoryEntry.objects.count() == 1203


def test_a_retry_sends_what_is_prepared_and_prepares_what_is_not() -> None:
    prepared, unprepared = queue_item("Failed", prepared_at=timezone.now()), queue_item("Failed")
    rejected, expired = queue_item("Rejected", prepared_at=timezone.now()), queue_item("Expired")
    waiting, done = queue_item("Prepared", prepared_at=timezone.now()), queue_item("Delivered")
    purged = queue_item("Expired", purged_at=timezone.now())
    moved = retry_for(everything(), actor="anna")
    assert (moved.moved, moved.pending, moved.untouched) == (4, 0, 3)
    assert [fresh(item).state for item in (prepared, unprepared, rejected, expired)] == ["Prepared", "New"] * 2
    assert [fresh(item).state for item in (waiting, done, purged)] == ["Prepared", "Delivered", "Expired"]
    assert HistoryEntry.objects.count() == 4


def test_items_that_changed_differently_move_together_and_what_is_lost_stays() -> None:
    mine, wished, lost = held("New"), held("New", pending_state="Rejected"), held("New", owner="somebody else")
    moves = [
        Move(item.id, QueueState.NEW, QueueEvent.PREPARED, "", {"recipe": b"%d" % n, "prepared_at": timezone.now()})
        for n, item in enumerate((mine, wished, lost))
    ]
    assert record(moves, actor="worker", owner=ME) == {mine.id, wished.id}
    assert [(fresh(i).state, fresh(i).lease_owner) for i in (mine, lost)] == [
        ("Prepared", ""),
        ("New", "somebody else"),
    ]
    assert (bytes(fresh(mine).recipe), fresh(lost).recipe) == (b"0", None)
    assert fresh(wished).state == "Rejected"
    assert list(mine.history.values_list("event", "to_state")) == [("prepared", "Prepared")]
    assert not lost.history.exists()

"""Who takes which items: due ones, oldest first, each by one worker, one study by one worker at a time."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.models import HistoryEntry, Lane, QueueItem
from routing.queue.claims import (
    claim_deliverable,
    claim_unprepared,
    deliverable_due,
    holds_lanes,
    release_lanes,
    renew,
)
from routing.queue.giving_back import free_orphans, give_back
from tests.builders import fresh, node
from tests.routing.queue.claiming import ME, OTHER, ago, claimed, due

pytestmark = pytest.mark.django_db


def test_a_claimed_item_is_leased_counted_and_nobody_elses() -> None:
    item = due(study_instance_uid="1.9")
    (taken,) = claim_unprepared(ME, 10, lanes=True)
    assert (taken.id, taken.study_instance_uid, taken.prepare_starts) == (item.id, "1.9", 1)
    now = fresh(item)
    assert (now.lease_owner, now.prepare_starts) == (ME, 1)
    assert now.lease_until is not None and now.lease_until > timezone.now() + timedelta(seconds=50)
    assert claimed(OTHER) == claimed(ME) == []


def test_an_item_is_taken_under_the_title_that_its_node_has_now() -> None:
    """A listener knows the old one for a moment longer, and entries that are for the node have the new one."""
    night = node("NIGHT")
    due(node=night, destination_ae_title="NIGHT2")
    due(destination_ae_title="CAPACITOR")
    taken = claim_unprepared(ME, 10, lanes=True)
    assert [(item.destination_ae_title, item.node_id) for item in taken] == [("NIGHT", night.pk), ("CAPACITOR", None)]


def test_items_come_oldest_first_and_no_more_than_asked_for() -> None:
    late, early = due(not_before=ago(seconds=5)), due(not_before=ago(seconds=50))
    middle = due(not_before=ago(seconds=20))
    assert claimed(limit=2) == [early.id, middle.id]
    assert claimed(limit=2) == [late.id]


@pytest.mark.parametrize("columns", [{"not_before": ago(seconds=-3600)}, {"state": "Prepared"}, {"state": "Failed"}])
def test_what_is_not_due_or_not_new_is_left(columns: dict[str, Any]) -> None:
    due(**columns)
    assert claimed() == []


@pytest.mark.fault(92, "the clock is an hour ahead of the lease")
def test_nobody_takes_what_another_holds_whatever_the_clock_says() -> None:
    pacs = node()
    items = [due(lease_owner=OTHER, lease_until=ago(hours=1)), due("Prepared", node=pacs, lease_owner=OTHER)]
    assert claimed() == []
    assert not deliverable_due(pacs.pk)
    assert claim_deliverable(ME, pacs.pk, 10) == []
    assert {fresh(item).lease_owner for item in items} == {OTHER}


def test_a_claim_may_last_longer_than_the_usual_lease() -> None:
    item = due(study_instance_uid="1.9")
    claim_unprepared(ME, 10, lanes=True, lease=timedelta(hours=1))
    until = timezone.now() + timedelta(minutes=59)
    assert (fresh(item).lease_until or timezone.now()) > until
    assert Lane.objects.get(key="1.9").until > until


def test_what_an_operator_wants_comes_before_a_claim() -> None:
    new = due(pending_state="Failed")
    prepared = due("Prepared", node=node(), pending_state="Rejected")
    held = due(lease_owner=OTHER, lease_until=ago(seconds=-30), pending_state="Failed")
    assert claimed() == []
    assert prepared.node_id is not None
    assert claim_deliverable(ME, prepared.node_id, 10) == []
    assert free_orphans() == 2
    assert [(fresh(item).state, fresh(item).pending_state) for item in (new, prepared, held)] == [
        ("Failed", ""),
        ("Rejected", ""),
        ("New", "Failed"),
    ]
    assert HistoryEntry.objects.count() == 2


def test_two_workers_never_hold_one_study_and_another_study_goes_on() -> None:
    first = [due(study_instance_uid="1.1") for _ in range(3)]
    second = [due(study_instance_uid="1.2") for _ in range(2)]
    assert claimed(ME, limit=1, lanes=True) == [first[0].id]
    assert claimed(OTHER, lanes=True) == [item.id for item in second]
    assert claimed(ME, lanes=True) == [item.id for item in first[1:]]


def test_a_busy_study_does_not_hide_the_due_items_behind_it() -> None:
    for _ in range(5):
        due(study_instance_uid="1.1")
    other = due(study_instance_uid="1.2")
    claimed(ME, limit=1, lanes=True)
    assert claimed(OTHER, limit=2, lanes=True) == [other.id]


def test_a_lane_that_another_took_behind_the_look_is_not_taken_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two PostgreSQL workers may both find a study free; here the look is made blind."""
    first, _ = due(study_instance_uid="1.1"), due(study_instance_uid="1.1")
    free = due(study_instance_uid="1.2")
    assert claimed(ME, limit=1, lanes=True) == [first.id]
    execute = CursorWrapper.execute

    def blind(cursor: CursorWrapper, sql: str, params: Any = None) -> Any:
        return execute(cursor, sql.replace("AND l.until > %s)", "AND l.until > %s AND 1 = 0)"), params)

    monkeypatch.setattr(CursorWrapper, "execute", blind)
    assert claimed(OTHER, lanes=True) == [free.id]
    assert dict(Lane.objects.values_list("key", "owner")) == {"1.1": ME, "1.2": OTHER}


def test_a_lane_is_free_after_its_release_and_after_its_time() -> None:
    items = [due(study_instance_uid="1.1") for _ in range(3)]
    claimed(ME, limit=1, lanes=True)
    release_lanes(ME)
    assert claimed(OTHER, limit=1, lanes=True) == [items[1].id]
    Lane.objects.update(until=ago(seconds=1))
    assert claimed(ME, limit=1, lanes=True) == [items[2].id]
    due(study_instance_uid="1.1")
    assert claimed(OTHER, lanes=True) == [], "it has begun anew for whoever took it"
    assert Lane.objects.get().owner == ME


def test_images_without_a_study_need_no_lane() -> None:
    items = [due(study_instance_uid="") for _ in range(2)]
    assert claimed(ME, limit=1, lanes=True) == [items[0].id]
    assert claimed(OTHER, limit=1, lanes=True) == [items[1].id]
    assert not Lane.objects.exists()


def test_without_lanes_a_study_is_shared() -> None:
    items = [due(study_instance_uid="1.1") for _ in range(2)]
    assert claimed(ME, limit=1) == [items[0].id]
    assert claimed(OTHER, limit=1) == [items[1].id]


def test_holding_lanes_means_all_of_them_and_still() -> None:
    due(study_instance_uid="1.1")
    due(study_instance_uid="1.2")
    claimed(ME, lanes=True)
    assert holds_lanes(ME, set())
    assert holds_lanes(ME, {"1.1", "1.2"})
    assert not holds_lanes(ME, {"1.1", "1.3"})
    Lane.objects.filter(key="1.2").update(owner=OTHER)
    assert not holds_lanes(ME, {"1.1", "1.2"})


@pytest.mark.parametrize("lanes", [True, False])
def test_an_item_whose_preparation_began_before_is_taken_alone_and_in_its_turn(lanes: bool) -> None:
    counts = (0, 0, 1, 3, 0, 0)
    items = [due(study_instance_uid="1.1", prepare_starts=count).id for count in counts]
    taken = [claimed(ME, lanes=lanes) for _ in range(5)]
    assert taken == [items[:2], items[2:3], items[3:4], items[4:], []]


def test_who_takes_an_item_alone_holds_up_no_other_study() -> None:
    suspect, mate = due(study_instance_uid="1.1", prepare_starts=1), due(study_instance_uid="1.1")
    others = [due(study_instance_uid="1.2"), due(study_instance_uid="1.3", prepare_starts=1)]
    assert claimed(ME, lanes=True) == [suspect.id]
    assert claimed(OTHER, lanes=True) == [others[0].id]
    # What was left out has taken no lane.
    assert claimed("host:3:third", lanes=True) == [others[1].id]
    assert claimed("host:4:fourth", lanes=True) == []
    release_lanes(ME)
    assert claimed("host:4:fourth", lanes=True) == [mate.id]


def everything_dies() -> None:
    """Nobody is left who knows which item was in hand."""
    give_back(ME, begun=None)
    give_back(OTHER, begun=None)


def test_when_everything_dies_again_and_again_only_the_item_in_hand_is_counted_on() -> None:
    items = [due(study_instance_uid=f"1.{number % 2}") for number in range(8)]
    for _ in range(5):
        claimed(ME, lanes=True)
        everything_dies()
    assert [fresh(item).prepare_starts for item in items] == [5, 1, 1, 1, 1, 1, 1, 1]


def test_with_two_workers_one_item_of_each_is_counted_on() -> None:
    items = [due(study_instance_uid=f"1.{number // 4}") for number in range(8)]
    for _ in range(5):
        claimed(ME, limit=4, lanes=True)
        claimed(OTHER, limit=4, lanes=True)
        everything_dies()
    assert [fresh(item).prepare_starts for item in items] == [5, 1, 1, 1, 5, 1, 1, 1]


def test_deliverable_items_are_those_of_one_node_that_are_prepared_and_due() -> None:
    pacs, other = node("PACS"), node("AI")
    late, early = due("Prepared", node=pacs), due("Prepared", node=pacs, not_before=ago(seconds=30), recipe=b"r")
    due("Prepared", node=other)
    due("New", node=pacs)
    due("Prepared", node=pacs, not_before=ago(seconds=-60))
    due("Prepared", node=pacs, lease_owner=OTHER, lease_until=ago(seconds=-30))
    taken = claim_deliverable(ME, pacs.pk, 10)
    assert [item.id for item in taken] == [early.id, late.id]
    assert bytes(taken[0].recipe or b"") == b"r"
    assert fresh(early).lease_owner == ME
    assert fresh(early).prepare_starts == 0
    assert claim_deliverable(OTHER, pacs.pk, 10) == []


@pytest.mark.parametrize(
    ("priorities", "order"),
    [
        ((), ["A", "B", "C"]),
        (("1.3", "1.2"), ["C", "B", "A"]),
        (("1.3",), ["C", "A", "B"]),
        (("1.3", "default", "1.1"), ["C", "B", "A"]),
        (("default",), ["A", "B", "C"]),
        (("default", "1.1"), ["B", "C", "A"]),
    ],
)
def test_sop_class_priorities_come_before_age(priorities: tuple[str, ...], order: list[str]) -> None:
    pacs = node()
    for name, sop_class, age in (("A", "1.1", 30), ("B", "1.2", 20), ("C", "1.3", 10)):
        due("Prepared", node=pacs, sop_class_uid=sop_class, sop_instance_uid=name, not_before=ago(seconds=age))
    taken = claim_deliverable(ME, pacs.pk, 10, sop_class_priorities=priorities)
    assert [item.sop_instance_uid for item in taken] == order


@pytest.mark.django_db(transaction=True)
def test_while_one_ranks_what_is_due_others_may_write_and_take_it() -> None:
    """On SQLite, that is: elsewhere rows are locked, and not the whole database."""
    pacs = node()
    items = [due("Prepared", node=pacs) for _ in range(4)]
    seen: list[bool] = []

    def meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        done = execute(sql, *rest)
        if "CASE sop_class_uid" in sql and connection.vendor == "sqlite":
            seen.append(connection.in_atomic_block)
            if len(seen) == 1:
                QueueItem.objects.filter(id__in=[item.id for item in items[:2]]).update(lease_owner=OTHER)
        return done

    with connection.execute_wrapper(meanwhile):
        taken = claim_deliverable(ME, pacs.pk, 2, sop_class_priorities=["1.3", "default"])
    if connection.vendor == "sqlite":
        assert seen == [False, False]
        assert [item.id for item in taken] == [item.id for item in items[2:]]


def test_renewing_prolongs_all_leases_and_lanes_of_a_worker_and_no_others() -> None:
    mine, others = due(study_instance_uid="1.1"), due(study_instance_uid="1.2", lease_owner=OTHER, lease_until=ago())
    claimed(ME, limit=1, lanes=True)
    QueueItem.objects.filter(id=mine.id).update(lease_until=ago())
    Lane.objects.update(until=ago())
    renew(ME)
    soon = timezone.now() + timedelta(seconds=50)
    assert (fresh(mine).lease_until or ago()) > soon
    assert Lane.objects.get().until > soon
    assert (fresh(others).lease_until or soon) < soon


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what it counts")
def test_a_long_queue_is_never_read_through_nor_sorted() -> None:
    pacs = node()
    for _ in range(3):
        due(study_instance_uid="1.1")
        due("Prepared", node=pacs)
    with CaptureQueriesContext(connection) as asked:
        claimed(ME, limit=1, lanes=True)
        claimed(ME, limit=1)
        assert deliverable_due(pacs.pk)
        assert len(claim_deliverable(ME, pacs.pk, 8)) == 3
        renew(ME)
        assert give_back(ME) == 5
        assert free_orphans() == 0
    statements = [query["sql"] for query in asked if "routing_queueitem" in query["sql"]]
    assert len(statements) >= 10
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            plan = "; ".join(row[3] for row in cursor.fetchall())
            # That index holds only what operators wish for at the moment.
            assert "SCAN" not in plan.replace("SCAN routing_queueitem USING INDEX queue_wished", ""), statement
            assert "TEMP B-TREE" not in plan, statement
            # What is named by its id is not looked for among all that is due.
            assert "id IN (" not in statement or " id=?" in plan.replace("(", " "), (statement, plan)

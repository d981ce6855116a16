"""What a worker gives back: never taken, or counted where its preparation may be to blame."""

from typing import Any

import pytest

from routing.models import Lane, QueueItem
from routing.queue.giving_back import free_all, give_back
from tests.builders import fresh
from tests.routing.queue.claiming import ME, OTHER, ago, claimed, due

pytestmark = pytest.mark.django_db


def starts_after_giving_back(begun: Any) -> list[int]:
    items = [due(), due()]
    claimed()
    assert give_back(ME, begun=[items[0].id] if begun == "first" else begun) == 2
    assert {fresh(item).lease_owner for item in items} == {""}
    return [fresh(item).prepare_starts for item in items]


def test_what_is_given_back_was_never_taken() -> None:
    assert starts_after_giving_back(()) == [0, 0]


def test_the_item_that_ended_its_worker_stays_counted_its_batch_mates_do_not() -> None:
    assert starts_after_giving_back("first") == [1, 0]


def test_when_nobody_knows_how_a_worker_ended_all_stay_counted() -> None:
    assert starts_after_giving_back(None) == [1, 1]


def test_what_was_taken_alone_is_given_back_as_it_was() -> None:
    item = due(prepare_starts=3)
    assert claimed() == [item.id]
    give_back(ME)
    assert fresh(item).prepare_starts == 3


def test_giving_back_never_counts_below_zero() -> None:
    item = due("Prepared", lease_owner=ME, lease_until=ago(seconds=-30))
    assert give_back(ME) == 1
    assert fresh(item).prepare_starts == 0


def test_giving_back_frees_the_lanes_and_leaves_others_alone() -> None:
    due(study_instance_uid="1.1")
    due(study_instance_uid="1.2")
    claimed(ME, limit=1, lanes=True)
    claimed(OTHER, lanes=True)
    give_back(ME)
    assert list(Lane.objects.values_list("owner", flat=True)) == [OTHER]
    assert QueueItem.objects.filter(lease_owner=OTHER).count() == 1


def test_for_a_database_that_nobody_works_on_all_leases_and_lanes_end() -> None:
    items = [due(study_instance_uid="1.1"), due(lease_owner=OTHER, lease_until=ago(), pending_state="Failed")]
    claimed(ME, lanes=True)
    assert free_all() == 2
    assert [(fresh(item).lease_owner, fresh(item).state) for item in items] == [("", "New"), ("", "Failed")]
    assert not Lane.objects.exists()


def test_a_study_that_was_in_the_hands_of_somebody_who_holds_no_image_is_free_as_well() -> None:
    item = due(study_instance_uid="1.1")
    Lane.objects.create(key="1.1", owner=OTHER, until=ago(hours=-1))
    assert claimed(lanes=True) == []
    free_all()
    assert claimed(lanes=True) == [item.id]


def test_giving_back_carries_out_what_operators_wished_for() -> None:
    item = due(lease_owner=ME, lease_until=ago(seconds=-30), pending_state="Failed")
    assert give_back(ME) == 1
    now = fresh(item)
    assert (now.state, now.pending_state, now.lease_owner) == ("Failed", "", "")

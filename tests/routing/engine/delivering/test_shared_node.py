"""A node that takes one association at a time, and several workers: it does well, and nobody's image pays for it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.dicom.association_failures import FailureKind
from routing.engine.delivering.reports import Returned
from routing.engine.delivering.shared_node import OtherWorkers
from routing.models import NodeOutage, NodeStatus, QueueItem
from tests.builders import queue_item
from tests.routing.dicom.nodes import scripted_node
from tests.routing.dicom.peers import PATIENCE
from tests.routing.engine.delivering.delivery import delivery, node, states, status, storage_node
from tests.routing.engine.delivering.test_deliver_associations import rejecting
from tests.routing.engine.delivering.test_settle import target, unreachable

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.mark.integration
def test_the_worker_that_is_turned_away_counts_no_failure_and_the_other_one_delivers(tmp_path):
    def answer(event, number):
        if number == 1:
            pacs.has_rejected.wait(PATIENCE)
        return 0x0000

    unhurried = {"batch_size": 2, "idle_association": PATIENCE}
    with (
        storage_node(answer, most_associations=1) as pacs,
        delivery(tmp_path, **unhurried) as one,
        delivery(tmp_path, "host:2:test", **unhurried) as other,
    ):
        shared = node(pacs.port, max_associations=1, retry_attempts=1)
        items = [one.image(shared) for _ in range(12)]
        # This toolkit turns both away that ask at the very same moment.
        one.until(lambda: bool(pacs.arrived))
        while one.deliverer.step() | other.deliverer.step() | one.deliverer.busy | other.deliverer.busy:
            one.deliverer.idle(0.01)
    assert states(*items) == ["Delivered"] * 12
    assert 2 <= len(pacs.requested) < 6, "who was turned away does not ask again and again"
    assert set(QueueItem.objects.values_list("attempt_count", flat=True)) == {1}
    assert (status(shared).last_failure_at, status(shared).failures_in_a_row) == (None, 0)
    assert not NodeOutage.objects.exists()


@pytest.mark.integration
def test_a_node_that_turns_the_only_worker_away_has_failed(tmp_path):
    with scripted_node(rejecting(2, 3, 2)) as port, delivery(tmp_path) as running:
        item = running.image(node(port))
        NodeStatus.objects.create(node=item.node, last_success_at=timezone.now() - 2 * MINUTE)
        running.rest()
    assert status(item.node).failures_in_a_row == 1


def test_what_the_others_have_in_hand_is_believed_for_a_minute_only():
    others, now = OtherWorkers("host:1"), timezone.now()
    pacs = node(104)
    assert not others.are_served(pacs.pk, now), "nobody has anything"
    queue_item("Prepared", node=pacs, lease_owner="host:1", lease_until=now + 9 * MINUTE)
    assert not others.are_served(pacs.pk, now), "only this worker has"
    queue_item("Prepared", node=pacs, lease_owner="host:2", lease_until=now + 9 * MINUTE)
    assert others.are_served(pacs.pk, now)
    assert others.are_served(pacs.pk, now + 0.9 * MINUTE)
    assert not others.are_served(pacs.pk, now + 1.1 * MINUTE)


def test_an_image_that_another_worker_delivered_tells_that_the_node_does_well_and_an_own_one_does_not():
    others, now = OtherWorkers("host:1"), timezone.now()
    pacs = node(104)
    NodeStatus.objects.create(node=pacs, last_success_at=now)
    assert others.are_served(pacs.pk, now + 0.9 * MINUTE)
    assert not others.are_served(pacs.pk, now + 1.1 * MINUTE)
    others.took(pacs.pk, now)
    assert not others.are_served(pacs.pk, now + 0.1 * MINUTE)


def test_only_what_others_hold_for_this_very_node_and_are_sending_is_believed():
    others, now = OtherWorkers("host:1"), timezone.now()
    pacs, archive = node(104), node(104, "ARCHIVE")
    theirs = {"lease_owner": "host:2", "lease_until": now + MINUTE}
    queue_item("Prepared", node=archive, **theirs)
    queue_item("New", node=pacs, **theirs)
    queue_item("Prepared", node=pacs, **(theirs | {"lease_until": now - MINUTE}))
    NodeStatus.objects.create(node=archive, last_success_at=now)
    assert not others.are_served(pacs.pk, now)


@pytest.mark.parametrize("meanwhile", ["another worker delivered", "it was taken for a failure"])
def test_the_minute_for_which_others_are_believed_begins_anew(meanwhile):
    others, now = OtherWorkers("host:1"), timezone.now()
    pacs = node(104)
    queue_item("Prepared", node=pacs, lease_owner="host:2", lease_until=now + 9 * MINUTE)
    assert others.are_served(pacs.pk, now)
    if meanwhile == "another worker delivered":
        NodeStatus.objects.create(node=pacs, last_success_at=now + 0.9 * MINUTE)
        assert others.are_served(pacs.pk, now + MINUTE)
    else:
        assert not others.are_served(pacs.pk, now + 1.1 * MINUTE)
    assert others.are_served(pacs.pk, now + 2 * MINUTE)
    assert others.are_served(pacs.pk, now + 2.9 * MINUTE)


@pytest.mark.parametrize(("failures", "goes_back"), [(0, True), (1, False)])
def test_a_failing_node_that_turns_its_trial_away_has_failed_again_whatever_others_hold(failures, goes_back):
    now, pacs = timezone.now(), node(104)
    queue_item("Prepared", node=pacs, lease_owner="host:2", lease_until=now + MINUTE)
    tried = replace(target(), node_id=pacs.pk, failures_in_a_row=failures)
    away = replace(unreachable(FailureKind.REJECTED_TRANSIENT), target=tried)
    assert OtherWorkers("host:1").keep_from(away, now) == (Returned(tried, away.items) if goes_back else None)

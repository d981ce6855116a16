"""A node that somebody changes or deletes while images of it are under way."""

import threading

import pytest
from django.db import connection
from django.utils import timezone

from routing.engine.nodes.status import end_back_off
from routing.models import Node, NodeStatus, QueueItem
from tests.routing.dicom.nodes import ScriptedNode, scripted_node
from tests.routing.engine.delivering.delivery import (
    Held,
    back_off_is_over,
    delivery,
    node,
    states,
    status,
    storage_node,
)

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def test_a_new_address_counts_from_the_next_image_on_and_not_from_the_next_batch(tmp_path):
    held = Held()
    with storage_node(held) as before, storage_node() as now, delivery(tmp_path) as running:
        pacs = node(before.port, max_associations=1)
        items = [running.image(pacs) for _ in range(4)]
        running.until(lambda: bool(before.arrived))
        Node.objects.filter(pk=pacs.pk).update(port=now.port)
        running.deliverer.step()
        held.let_go()
        running.rest()
    assert states(*items) == ["Delivered"] * 4
    uids = [item.sop_instance_uid for item in items]
    assert (before.instances, now.instances) == (uids[:1], uids[1:])


@pytest.mark.parametrize("stores", [False, True], ids=["no association", "no answer"])
def test_what_fails_at_an_address_that_somebody_has_put_right_meanwhile_holds_nothing_up(tmp_path, stores):
    """Saving the node has ended its back-off; the attempt that was under way must not begin it anew."""
    asked, let_go = threading.Event(), threading.Event()

    def wrong(peer: ScriptedNode) -> None:
        if stores:
            peer.accept()
            peer.receive_store()
        asked.set()
        let_go.wait(10)

    with scripted_node(wrong) as port, storage_node() as right, delivery(tmp_path) as running:
        pacs = node(port)
        NodeStatus.objects.create(node=pacs, failures_in_a_row=9, not_before=timezone.now())
        item = running.image(pacs)
        running.until(asked.is_set)
        Node.objects.filter(pk=pacs.pk).update(port=right.port)
        end_back_off([pacs.pk], timezone.now())
        running.deliverer.step()
        let_go.set()
        running.rest()
        assert (status(pacs).failures_in_a_row, status(pacs).last_error) == (0, "") or stores
        if stores:
            # It may have arrived there, so this is an attempt; the image waits, and not the node.
            assert status(pacs).failures_in_a_row == 9
            back_off_is_over(pacs)
            running.rest()
    item.refresh_from_db()
    assert (item.state, item.attempt_count) == ("Delivered", 1 + stores)
    assert status(pacs).failures_in_a_row == 0


def test_a_node_that_was_deleted_when_its_image_had_become_somebody_elses_ends_no_process(tmp_path):
    """As after a pause of the machine: the leases had ended, another worker was through, and the node was removed."""
    with storage_node() as pacs, storage_node() as other, delivery(tmp_path) as running:
        gone = node(pacs.port, "GONE")
        running.image(gone)
        running.until(lambda: bool(pacs.arrived))
        couriers = running.deliverer._couriers[gone.pk]
        while couriers.busy:
            running.deliverer.idle(0.01)
        QueueItem.objects.all().delete()
        gone.delete()
        # Between the look for reports and that at the nodes the last report came.
        running.deliverer._refresh()
        last = running.image(node(other.port, "OTHER"))
        running.rest()
    assert states(last) == ["Delivered"]


def test_an_image_that_is_under_way_when_its_node_is_deleted_is_delivered_and_its_attempt_kept(tmp_path):
    held = Held()
    with storage_node(held) as pacs, delivery(tmp_path) as running:
        item = running.image(node(pacs.port))
        running.until(lambda: bool(pacs.arrived))
        Node.objects.all().delete()
        held.let_go()
        running.rest()
    assert states(item) == ["Delivered"]
    assert [(attempt.answer, attempt.node_id) for attempt in item.attempts.all()] == [("delivered", None)]
    # SQLite looks at it when a transaction ends, which that of this test does too late.
    connection.check_constraints()

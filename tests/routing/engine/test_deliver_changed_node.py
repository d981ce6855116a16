"""A node that somebody changes or deletes while images of it are under way."""

import pytest

from routing.models import Node, QueueItem
from tests.routing.engine.delivery import Held, delivery, node, states, storage_node

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


def test_a_node_that_was_deleted_when_its_image_had_become_somebody_elses_ends_no_process(tmp_path):
    """As after a pause of the machine: the leases had ended, another worker was through, and the node was removed."""
    with storage_node() as pacs, storage_node() as other, delivery(tmp_path) as running:
        gone = node(pacs.port, "GONE")
        running.image(gone)
        running.until(lambda: bool(pacs.arrived))
        senders = running.deliverer._senders[gone.pk]
        while senders.busy:
            running.deliverer.idle(0.01)
        QueueItem.objects.all().delete()
        gone.delete()
        # Between the look for reports and that at the nodes the last report came.
        running.deliverer._refresh()
        last = running.image(node(other.port, "OTHER"))
        running.rest()
    assert states(last) == ["Delivered"]

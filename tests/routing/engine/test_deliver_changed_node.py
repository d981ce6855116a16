"""A node that somebody changes or deletes while images of it are under way."""

import pytest

from routing.models import Node
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

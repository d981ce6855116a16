"""What another process still queued by a node's old AE title follows the node, also after an import of thousands."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.models import HistoryEntry, Node, QueueItem
from routing.nodes.renamed import readdress_late
from tests.builders import node, queue_item

pytestmark = pytest.mark.django_db


def test_what_was_queued_late_by_the_old_title_follows_its_node_and_nothing_else_does() -> None:
    night, long_ago = node("NIGHT"), node("LONG_AGO")
    Node.objects.filter(pk=long_ago.pk).update(updated_at=timezone.now() - timedelta(hours=1))
    late = queue_item(node=night, destination_ae_title="NIGHT2")
    right, gone = queue_item(node=night), queue_item("Delivered", node=night, destination_ae_title="NIGHT2")
    other = queue_item(node=long_ago, destination_ae_title="OTHER")
    readdress_late(timezone.now())
    titles = dict(QueueItem.objects.values_list("pk", "destination_ae_title"))
    assert titles == {late.pk: "NIGHT", right.pk: "NIGHT", gone.pk: "NIGHT2", other.pk: "OTHER"}
    assert HistoryEntry.objects.get().note == "NIGHT2 is NIGHT now"


def test_the_queue_is_looked_through_once_however_many_nodes_an_import_has_changed(
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(30):
        queue_item(node=node(f"NODE_{number}"))
    with django_assert_max_num_queries(2):
        readdress_late(timezone.now())

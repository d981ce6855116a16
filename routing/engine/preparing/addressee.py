"""For which node an image is whose AE title no node answered to, or whose node was deleted: what it means today."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.utils import timezone

from routing.core.ae_title import TitleBook
from routing.core.states import QueueState
from routing.engine import story
from routing.engine.receiving.receive import no_node_answers
from routing.models import HistoryEntry, ItemLogLine, Node, QueueItem
from routing.queue.claims import Unprepared


@transaction.atomic
def addressed(item: Unprepared, titles: TitleBook) -> Unprepared:
    """
    The item for the node that its AE title means by now, in its row as well; as it was where that is none.

    Somebody may have made the node again, or given one the title as an alias,
    before they retried it.
    """
    node_id = titles.resolve(item.destination_ae_title).node_id
    if node_id is None:
        return item
    # What the titles say may be a second old.
    node = Node.objects.select_for_update().filter(pk=node_id).first()
    if node is None:
        return item
    QueueItem.objects.filter(id=item.id).update(node=node, destination_ae_title=node.ae_title)
    text = f"no node answered to {item.destination_ae_title}, which is node {node} now"
    ItemLogLine.objects.create(**story.log_line(item.id, "info", text, timezone.now()))
    return replace(item, node_id=node.pk, destination_ae_title=node.ae_title)


def why_for_nobody(item: Unprepared) -> str:
    """Why there is no node: it was deleted, or there was none of that title when the image came."""
    lost = HistoryEntry.objects.filter(item=item.id, event="received", to_state=QueueState.FAILED)
    if lost.exists():
        return no_node_answers(item.destination_ae_title)
    return f"node {item.destination_ae_title} has been deleted"

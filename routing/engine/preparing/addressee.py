"""For which node an image is whose AE title no node answered to, or whose node was deleted: what it means today."""

from __future__ import annotations

from dataclasses import replace

from routing.core.ae_title import TitleBook
from routing.core.states import QueueState
from routing.engine.receiving.receive import no_node_answers
from routing.engine.reconcile import address_anew
from routing.models import HistoryEntry, QueueItem
from routing.queue.claims import Unprepared


def addressed(item: Unprepared, titles: TitleBook) -> Unprepared:
    """The item for the node that its AE title means by now, in its row as well; as it was where that is none."""
    node = address_anew(QueueItem.objects.filter(id=item.id), item.destination_ae_title, titles)
    return item if node is None else replace(item, node_id=node.pk, destination_ae_title=node.ae_title)


def why_for_nobody(item: Unprepared) -> str:
    """Why there is no node: it was deleted, or there was none of that title when the image came."""
    lost = HistoryEntry.objects.filter(item=item.id, event="received", to_state=QueueState.FAILED)
    if lost.exists():
        return no_node_answers(item.destination_ae_title)
    return f"node {item.destination_ae_title} has been deleted"

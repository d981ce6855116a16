"""For whom an image is that is for no node: what its AE title means by now."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import Q

from routing.core.ae_title import TitleBook
from routing.core.states import RECEIVED, QueueEvent, QueueState
from routing.engine.receiving.receive import FOR_ITSELF, no_node_answers
from routing.engine.reconcile import address_anew, node_deleted
from routing.models import HistoryEntry, QueueItem
from routing.queue.claims import Unprepared
from scripts_app.core.outcome import NO_ROUTE


def addressed(item: Unprepared, titles: TitleBook, own_ae_title: str) -> Unprepared:
    """
    The item for the node that its AE title means by now, in its row as well; as it was where that is none.

    What was sent to the router itself still is when that has another AE title.
    """
    if item.destination_ae_title == own_ae_title:
        return item
    row = QueueItem.objects.filter(id=item.id)
    node = address_anew(row, item.destination_ae_title, titles)
    if node is not None:
        return replace(item, node_id=node.pk, destination_ae_title=node.ae_title)
    if not _was_for_itself(item):
        return item
    row.update(destination_ae_title=own_ae_title)
    return replace(item, destination_ae_title=own_ae_title)


def _was_for_itself(item: Unprepared) -> bool:
    """Whether it was sent to the router itself, under whatever AE title, and nobody has sent it to a node since."""
    entries = HistoryEntry.objects.filter(item__in={item.id, item.received_id})
    # What came before the history told so may have failed for want of a route.
    itself = entries.filter(Q(event=RECEIVED, note__endswith=FOR_ITSELF) | Q(note=NO_ROUTE))
    return itself.exists() and not HistoryEntry.objects.filter(item=item.id, event=QueueEvent.REDIRECTED).exists()


def why_for_nobody(item: Unprepared) -> str:
    """Why there is no node: it was deleted, or there was none of that title when the image came."""
    lost = HistoryEntry.objects.filter(item=item.id, event=RECEIVED, to_state=QueueState.FAILED)
    if lost.exists():
        return no_node_answers(item.destination_ae_title)
    return node_deleted(item.destination_ae_title)

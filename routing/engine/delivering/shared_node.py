"""Whether a node that takes no further association for now is sent to by another worker: then it does well."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from routing.core.states import QueueState
from routing.dicom.association_failures import FailureKind
from routing.engine.delivering.reports import Report, Returned, Unreachable
from routing.models import NodeStatus, QueueItem

PAUSE = 5.0
"""Seconds until a worker that was turned away asks again: the other one may end its association any time."""
_PATIENCE = timedelta(minutes=1)
"""How long the node may take no image of the others either, until turning away is a failure of the node."""


class OtherWorkers:
    """What this worker can tell of the others: what they have in hand, and whether the node takes it."""

    def __init__(self, owner: str) -> None:
        self._own_success: dict[int, datetime] = {}
        self._turned_away: dict[int, datetime] = {}
        """Since when, with no image taken from anybody."""
        self._others = ~Q(lease_owner__in=("", owner))

    def keep_from(self, report: Report, now: datetime) -> Returned | None:
        """The items of a report, untried, where it is another worker's association that kept them from the node."""
        if not isinstance(report, Unreachable) or report.kind is not FailureKind.REJECTED_TRANSIENT:
            return None
        busy = not report.target.failures_in_a_row and self.are_served(report.target.node_id, now)
        return Returned(report.target, report.items) if busy else None

    def took(self, node_id: int, now: datetime) -> None:
        """The node has taken images from this worker, recorded at this moment."""
        self._own_success[node_id] = now
        self._turned_away.pop(node_id, None)

    def are_served(self, node_id: int, now: datetime) -> bool:
        """
        Whether the node takes images from other workers: it took one just now, or they have some in hand.

        The latter is believed for a minute: a node that turns all workers away has failed.
        """
        last = NodeStatus.objects.filter(node_id=node_id).values_list("last_success_at", flat=True).first()
        own = self._own_success.get(node_id)
        if last is not None and (own is None or last > own) and now - last < _PATIENCE:
            self._turned_away.pop(node_id, None)
            return True
        since = self._turned_away.setdefault(node_id, now)
        held = QueueItem.objects.filter(self._others, node_id=node_id, state=QueueState.PREPARED, lease_until__gt=now)
        if now - since < _PATIENCE and held.exists():
            return True
        del self._turned_away[node_id]
        return False

"""Under which conditions, beside its state, an event means something for an item: as a query, and in words."""

from datetime import datetime
from typing import Protocol

from django.db import models

from routing.core.states import QueueEvent, QueueState
from routing.node_gates import held_nodes


def possible(event: QueueEvent) -> models.Q:
    """
    The condition under which ``event`` means something for an item, beside its state.

    A copy meets no script again (D4), an item that the scripts never finished
    must not be sent, and without its file nothing can be done again.
    """
    match event:
        case QueueEvent.PREPARE_AGAIN | QueueEvent.REPLAYED:
            original = models.Q(received_id=models.F("id")) | models.Q(replay_of__isnull=False)
            return original & models.Q(purged_at=None)
        case QueueEvent.SEND_AGAIN:
            return models.Q(prepared_at__isnull=False, purged_at=None)
        case QueueEvent.REDIRECTED:
            # Its worker may be sending it to the old node this very moment.
            return models.Q(prepared_at__isnull=False, purged_at=None, lease_owner="")
        case QueueEvent.TRY_NOW:
            # It is being tried, or its node is sent nothing; the scripts run whatever the node is.
            held = models.Q(state=QueueState.PREPARED, node_id__in=held_nodes())
            return models.Q(lease_owner="") & ~held
    return models.Q()


class Subject(Protocol):
    """What of an item decides: a QueueItem, or some of its columns."""

    @property
    def state(self) -> str: ...
    @property
    def lease_owner(self) -> str: ...
    @property
    def prepared_at(self) -> datetime | None: ...
    @property
    def purged_at(self) -> datetime | None: ...
    @property
    def is_copy(self) -> bool: ...


def why_not(event: QueueEvent, item: Subject, held: str) -> str:
    """The same in words, empty when it is possible; ``held``: what keeps its node from being sent to, or empty."""
    by_scripts = event in (QueueEvent.PREPARE_AGAIN, QueueEvent.REPLAYED)
    sending = event in (QueueEvent.SEND_AGAIN, QueueEvent.REDIRECTED)
    if (by_scripts or sending) and item.purged_at is not None:
        return "the file has been removed"
    if by_scripts and item.is_copy:
        return "a copy meets no script again; its original does"
    if sending and item.prepared_at is None:
        return "the scripts have not finished it"
    if event in (QueueEvent.REDIRECTED, QueueEvent.TRY_NOW) and item.lease_owner:
        return "in progress"
    if event is QueueEvent.TRY_NOW and item.state == QueueState.PREPARED and held:
        return f"its node is {held}"
    return ""

"""Under which conditions, beside its state, an event means something for an item: as a query, and in words."""

from collections.abc import Callable
from datetime import datetime
from functools import reduce
from operator import and_
from typing import NamedTuple, Protocol

from django.db import models

from routing.core.states import QueueEvent, QueueState
from routing.nodes.gates import held_nodes


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


def retry_event(item: Subject) -> QueueEvent:
    """What *retry* means for an item: send what is prepared, prepare what is not."""
    return QueueEvent.SEND_AGAIN if item.prepared_at else QueueEvent.PREPARE_AGAIN


class Need(NamedTuple):
    """One condition: as a query, of one item, and what is said where it does not hold."""

    query: models.Q
    holds: Callable[[Subject], bool]
    otherwise: str


_FILE = Need(models.Q(purged_at=None), lambda item: item.purged_at is None, "the file has been removed")
_NO_COPY = Need(
    models.Q(received_id=models.F("id")) | models.Q(replay_of__isnull=False),
    lambda item: not item.is_copy,
    "a copy meets no script again; its original does",
)
_FINISHED = Need(
    models.Q(prepared_at__isnull=False), lambda item: item.prepared_at is not None, "the scripts have not finished it"
)
_FREE = Need(models.Q(lease_owner=""), lambda item: not item.lease_owner, "in progress")

_NEEDS: dict[QueueEvent, tuple[Need, ...]] = {
    QueueEvent.PREPARE_AGAIN: (_FILE, _NO_COPY),
    QueueEvent.REPLAYED: (_FILE, _NO_COPY),
    QueueEvent.SEND_AGAIN: (_FILE, _FINISHED),
    # Its worker may be sending it to the old node this very moment.
    QueueEvent.REDIRECTED: (_FILE, _FINISHED, _FREE),
    # Its node decides, too, once it is Prepared; the scripts run whatever the node is.
    QueueEvent.TRY_NOW: (_FREE,),
}
"""What is told first stands first; a copy meets no script again (D4)."""


def possible(event: QueueEvent) -> models.Q:
    """The condition under which ``event`` means something for an item, beside its state."""
    needed = reduce(and_, (need.query for need in _NEEDS.get(event, ())), models.Q())
    if event is QueueEvent.TRY_NOW:
        needed &= ~models.Q(state=QueueState.PREPARED, node_id__in=held_nodes())
    return needed


def why_not(event: QueueEvent, item: Subject, held: str) -> str:
    """The same in words, empty when it is possible; ``held``: what keeps its node from being sent to, or empty."""
    for need in _NEEDS.get(event, ()):
        if not need.holds(item):
            return need.otherwise
    if event is QueueEvent.TRY_NOW and item.state == QueueState.PREPARED and held:
        return f"its node is {held}"
    return ""

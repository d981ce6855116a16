"""How each destination is doing: what waits for it, since when, and what its last answers were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone

from routing.core.states import QUEUE_STATES, STUCK_STATES, WAITING_STATES, QueueState
from routing.database.short_lived import ShortLived
from routing.models import Node, NodeStatus, QueueItem
from routing.nodes import gates as node_gates


class Condition(StrEnum):
    """One word for a node; the first that fits, in this order."""

    DISABLED = "disabled"
    """Its AE title is refused."""
    PAUSED = "paused"
    """Images are accepted and wait."""
    FAILING = "failing"
    """The last delivery failed."""
    SCHEDULED = "outside its schedule"
    """Images are accepted and wait for a time of day."""
    CLOSED = "not sent to"
    """No worker may send to it from where it runs, or can read its settings."""
    REFUSING = "refusing"
    """It answers, but did not take the last image that it was sent."""
    UP = "up"
    """The last delivery succeeded."""
    UNTRIED = "untried"
    """Nothing has been sent yet."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One AE title that images leave for."""

    ae_title: str
    node: Node | None
    """None: the router itself (images without a route), or a node that has been removed."""
    status: NodeStatus
    counts: Mapping[str, int]
    in_flight: int
    """Items that a worker holds right now."""
    oldest_at: datetime | None
    """When the oldest waiting item came in."""
    still_under: Mapping[str, int] = field(default_factory=dict)
    """How many of these have the AE title, or titles, that the node had before: they follow its new one."""

    @property
    def unaddressed(self) -> bool:
        """The router itself: scripts decide where its images go."""
        return self.node is None and self.ae_title == settings.CAPACITOR.ae_title

    @property
    def waiting(self) -> int:
        return sum(self.counts.get(state.value, 0) for state in WAITING_STATES)

    @property
    def stuck(self) -> int:
        """Items that wait for a person."""
        return sum(self.counts.get(state.value, 0) for state in STUCK_STATES)

    @property
    def waiting_by_state(self) -> list[tuple[QueueState, int]]:
        """What waits, by the states that have some, for the queue shows one state at a time."""
        return self._by_state(WAITING_STATES) or [(QueueState.PREPARED, 0)]

    @property
    def stuck_by_state(self) -> list[tuple[QueueState, int]]:
        return self._by_state(STUCK_STATES) or [(QueueState.FAILED, 0)]

    def _by_state(self, states: Iterable[QueueState]) -> list[tuple[QueueState, int]]:
        return [(state, count) for state in states if (count := self.counts.get(state.value, 0))]

    @property
    def backing_off(self) -> bool:
        return self.status.not_before is not None and self.status.not_before > timezone.now()

    @property
    def in_schedule(self) -> bool:
        return self.node is None or node_gates.in_schedule(self.node)

    @property
    def schedule_set_aside(self) -> bool:
        """Somebody wants it sent to outside its schedule for a while."""
        return self.node is not None and node_gates.schedule_set_aside(self.node)

    @property
    def out_of_reach(self) -> str:
        """Why no worker sends to it, where that is neither its schedule nor a switch."""
        return node_gates.out_of_reach().get(self.node.pk, "") if self.node else ""

    @property
    def opens_at(self) -> datetime | None:
        """When its next window begins."""
        return node_gates.opens_at(self.node) if self.node else None

    @property
    def condition(self) -> Condition:
        if self.node is not None and not self.node.enabled:
            return Condition.DISABLED
        if self.node is not None and self.node.paused:
            return Condition.PAUSED
        if self.status.failures_in_a_row:
            return Condition.FAILING
        if not self.in_schedule and not self.schedule_set_aside:
            return Condition.SCHEDULED
        if self.out_of_reach:
            return Condition.CLOSED
        taken, refused = self.status.last_success_at, self.status.last_failure_at
        if self.status.last_error and (taken is None or (refused is not None and taken < refused)):
            return Condition.REFUSING
        return Condition.UP if taken else Condition.UNTRIED


def _waiting() -> dict[str, Any]:
    """By destination: when its oldest waiting item came in, and how many a worker holds."""
    waiting: Any = (
        QueueItem.objects.order_by()
        .filter(state__in=WAITING_STATES)
        .values("destination_ae_title")
        .annotate(oldest=Min("created_at"), held=Count("id", filter=~Q(lease_owner="")))
    )
    return {row["destination_ae_title"]: row for row in waiting}


def _left_behind() -> dict[str, int]:
    """AE titles that no node has any more, each with the node that its items are for and follow, by number."""
    known = {
        settings.CAPACITOR.ae_title,
        *Node.objects.filter(role=Node.Role.STORAGE).values_list("ae_title", flat=True),
    }
    found = {}
    for title, states in _counts().items():
        if title not in known and states.keys() & QUEUE_STATES:
            items = QueueItem.objects.queued().order_by().filter(destination_ae_title=title, node__isnull=False)
            if (node_id := items.values_list("node_id", flat=True).first()) is not None:
                found[title] = node_id
    return found


_counts = ShortLived(lambda: QueueItem.objects.counts_by_destination())
_at_work = ShortLived(_waiting)
_renamed = ShortLived(_left_behind)


def counts_by_state() -> dict[str, int]:
    """All items, also those delivered or dropped for what is no destination any more."""
    groups = _counts().values()
    return {state.value: sum(states.get(state, 0) for states in groups) for state in QueueState}


def destinations() -> list[Destination]:
    """Every Storage node, then whatever else the queue has items for, each group by AE title."""
    counts, at_work, renamed = _counts(), _at_work(), _renamed()

    def destination(ae_title: str, node: Node | None) -> Destination:
        before = [title for title, heir in renamed.items() if node is not None and heir == node.pk]
        # What has left keeps the title that it left for.
        late = {
            title: {state: n for state, n in counts[title].items() if state in QUEUE_STATES}
            for title in before
            if title in counts
        }
        work = [at_work[title] for title in (ae_title, *before) if title in at_work]
        return Destination(
            ae_title,
            node,
            _status(node),
            sum(map(Counter, late.values()), Counter(counts.get(ae_title, {}))),
            sum(row["held"] for row in work),
            min((row["oldest"] for row in work), default=None),
            {title: sum(states.values()) for title, states in late.items()},
        )

    nodes = Node.objects.filter(role=Node.Role.STORAGE).select_related("status")
    found = [destination(node.ae_title, node) for node in nodes]
    known = {node.ae_title for node in nodes} | renamed.keys()
    others = [title for title, states in counts.items() if title not in known and states.keys() & QUEUE_STATES]
    return found + [destination(ae_title, None) for ae_title in others]


def _status(node: Node | None) -> NodeStatus:
    """The node's status; one that says nothing has happened yet where no worker has written any."""
    if node is None:
        return NodeStatus()
    try:
        return node.status
    except NodeStatus.DoesNotExist:
        return NodeStatus(node=node)

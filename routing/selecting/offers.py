"""Which buttons an item gets, and why it does not get the others."""

from __future__ import annotations

from dataclasses import dataclass

from routing.core.states import STUCK_STATES, TRANSITIONS, QueueEvent, QueueState
from routing.models import QueueItem
from routing.nodes.gates import held_back
from routing.operating.operator_actions import EVENTS
from routing.queue.possible import retry_event, why_not
from routing.selecting import bulk

URL_NAMES = {
    QueueEvent.TRY_NOW: "queue_try_now",
    QueueEvent.SEND_AGAIN: "queue_send_again",
    QueueEvent.PREPARE_AGAIN: "queue_prepare_again",
    QueueEvent.FAILED_BY_OPERATOR: "queue_fail",
    QueueEvent.REJECTED_BY_OPERATOR: "queue_reject",
}
LABELS = {event: bulk.LABELS[action] for action, event in EVENTS.items()}


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that a person may do to an item now."""

    event: QueueEvent
    refusal: str
    """Why not; empty when it is possible."""
    main: bool
    """The retry that fits: the one button that its row in the queue shows."""

    @property
    def label(self) -> str:
        return LABELS[self.event]

    @property
    def url_name(self) -> str:
        return URL_NAMES[self.event]


def offers(item: QueueItem) -> list[Offer]:
    """Every event of a person that means something in the item's state; the others are not mentioned."""
    state = QueueState(item.state)
    held = held_back(item.node) if state is QueueState.PREPARED else ""
    found = []
    for event in URL_NAMES:
        if (state, event) not in TRANSITIONS:
            continue
        refusal = why_not(event, item, held)
        main = event is _fitting(item, state) and not refusal
        found.append(Offer(event, refusal, main))
    return found


def _fitting(item: QueueItem, state: QueueState) -> QueueEvent | None:
    """What a person who wants the item out most likely means."""
    if state in STUCK_STATES:
        return retry_event(item)
    return QueueEvent.TRY_NOW if item.last_error else None

"""Which buttons an item gets, and why it does not get the others."""

from __future__ import annotations

from dataclasses import dataclass

from routing.core.states import STUCK_STATES, TRANSITIONS, QueueEvent, QueueState
from routing.models import QueueItem
from routing.node_gates import held_back

URL_NAMES = {
    QueueEvent.TRY_NOW: "queue_try_now",
    QueueEvent.SEND_AGAIN: "queue_send_again",
    QueueEvent.PREPARE_AGAIN: "queue_prepare_again",
    QueueEvent.FAILED_BY_OPERATOR: "queue_fail",
    QueueEvent.REJECTED_BY_OPERATOR: "queue_reject",
}
LABELS = {
    QueueEvent.TRY_NOW: "Try now",
    QueueEvent.SEND_AGAIN: "Send again",
    QueueEvent.PREPARE_AGAIN: "Prepare again",
    QueueEvent.FAILED_BY_OPERATOR: "Fail",
    QueueEvent.REJECTED_BY_OPERATOR: "Reject",
}


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


def retry_event(item: QueueItem) -> QueueEvent:
    """What *retry* means for an item: send what is prepared, prepare what is not."""
    return QueueEvent.SEND_AGAIN if item.prepared_at else QueueEvent.PREPARE_AGAIN


def offers(item: QueueItem) -> list[Offer]:
    """Every event of a person that means something in the item's state; the others are not mentioned."""
    state = QueueState(item.state)
    found = []
    for event in URL_NAMES:
        if (state, event) not in TRANSITIONS:
            continue
        refusal = _refusal(item, event)
        main = event is _fitting(item, state) and not refusal
        found.append(Offer(event, refusal, main))
    return found


def _fitting(item: QueueItem, state: QueueState) -> QueueEvent | None:
    """What a person who wants the item out most likely means."""
    if state in STUCK_STATES:
        return retry_event(item)
    return QueueEvent.TRY_NOW if item.last_error else None


def _refusal(item: QueueItem, event: QueueEvent) -> str:
    """The same conditions as ``routing.possible``, in words."""
    if event is QueueEvent.TRY_NOW and item.lease_owner:
        return "it is being tried"
    if event is QueueEvent.TRY_NOW and item.state == QueueState.PREPARED and (why := held_back(item.node)):
        return f"its node is {why}"
    if event not in (QueueEvent.SEND_AGAIN, QueueEvent.PREPARE_AGAIN):
        return ""
    if item.purged_at:
        return "its file has been removed"
    if event is QueueEvent.PREPARE_AGAIN and item.is_copy:
        return "a copy meets no script again; its original does"
    if event is QueueEvent.SEND_AGAIN and not item.prepared_at:
        return "the scripts have not finished it"
    return ""

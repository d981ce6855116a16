"""The states of a queue item, the events that move it, and the one table that says which event leads where."""

from enum import StrEnum


class QueueState(StrEnum):
    """Where an item stands.  "In progress" is no state but a lease (decision D2)."""

    NEW = "New"
    """Received; the scripts have not run yet, or asked for another try."""
    PREPARED = "Prepared"
    """The scripts are done; waits for its destination.  Deferred deliveries stay here."""
    FAILED = "Failed"
    """A script or our own code gave up, or an operator said so.  Nothing happens until somebody retries."""
    REJECTED = "Rejected"
    """The destination refused it for good, or an operator said so.  Not tried again by itself."""
    EXPIRED = "Expired"
    """Older than the expiry age; the file is kept until retention removes it."""
    DELIVERED = "Delivered"
    """The destination answered success or a warning.  Left the queue; kept as history."""
    DROPPED = "Dropped"
    """A script or an operator decided that nothing is to be sent.  Left the queue; kept as history."""


WAITING_STATES = (QueueState.NEW, QueueState.PREPARED)
"""Somebody works on the item, or will by itself."""

STUCK_STATES = (QueueState.FAILED, QueueState.REJECTED, QueueState.EXPIRED)
"""The item waits for a person."""

QUEUE_STATES = WAITING_STATES + STUCK_STATES
"""The states that Lua's ``queue`` knows and counts (D2)."""

FINAL_STATES = (QueueState.DELIVERED, QueueState.DROPPED)
"""The item has left the queue."""


class QueueEvent(StrEnum):
    """What happened to an item."""

    PREPARED = "prepared"
    """The scripts ran and its output is ready."""
    DROPPED = "dropped"
    """The scripts decided that nothing is to be sent."""
    DEFERRED = "deferred"
    """Not now: the script asked for a retry, or the destination could not take it."""
    DELIVERED = "delivered"
    """The destination answered success or a warning."""
    REFUSED = "refused"
    """The destination refused it for good."""
    GAVE_UP = "gave up"
    """A script failed it, our own code failed, or the attempts are used up."""
    OUTLIVED = "outlived"
    """It grew older than the expiry age."""
    PREPARE_AGAIN = "prepare again"
    """Somebody wants the scripts to run again, from what the modality sent."""
    SEND_AGAIN = "send again"
    """Somebody wants the prepared output sent again."""
    FAILED_BY_OPERATOR = "failed by operator"
    """Somebody said that it has failed."""
    REJECTED_BY_OPERATOR = "rejected by operator"
    """Somebody said that it is rejected."""
    REDIRECTED = "redirected"
    """Somebody wants the prepared output sent to another node."""
    TRY_NOW = "try now"
    """Somebody wants it tried at once, not after its back-off."""
    DELETED_BY_OPERATOR = "deleted by operator"
    """Somebody wants it gone: nothing is sent, and retention removes file and row."""
    REPLAYED = "replayed"
    """Somebody sent its received image through the scripts again, as a new item; this one stays as it is."""


class ImpossibleTransition(ValueError):
    """The event means nothing in this state."""


_S, _E = QueueState, QueueEvent

RECEIVED = "received"
"""The event of the first line of an item's history; a copy has another one.  It moves nothing: no table names it."""

TRANSITIONS: dict[tuple[QueueState, QueueEvent], QueueState] = {
    (_S.NEW, _E.PREPARED): _S.PREPARED,
    (_S.NEW, _E.DROPPED): _S.DROPPED,
    (_S.NEW, _E.DEFERRED): _S.NEW,
    (_S.NEW, _E.GAVE_UP): _S.FAILED,
    (_S.NEW, _E.OUTLIVED): _S.EXPIRED,
    (_S.NEW, _E.FAILED_BY_OPERATOR): _S.FAILED,
    (_S.NEW, _E.REJECTED_BY_OPERATOR): _S.REJECTED,
    (_S.NEW, _E.TRY_NOW): _S.NEW,
    (_S.NEW, _E.DELETED_BY_OPERATOR): _S.DROPPED,
    (_S.PREPARED, _E.DELIVERED): _S.DELIVERED,
    (_S.PREPARED, _E.DEFERRED): _S.PREPARED,
    (_S.PREPARED, _E.REFUSED): _S.REJECTED,
    (_S.PREPARED, _E.GAVE_UP): _S.FAILED,
    (_S.PREPARED, _E.OUTLIVED): _S.EXPIRED,
    (_S.PREPARED, _E.PREPARE_AGAIN): _S.NEW,
    (_S.PREPARED, _E.FAILED_BY_OPERATOR): _S.FAILED,
    (_S.PREPARED, _E.REJECTED_BY_OPERATOR): _S.REJECTED,
    (_S.PREPARED, _E.REDIRECTED): _S.PREPARED,
    (_S.PREPARED, _E.TRY_NOW): _S.PREPARED,
    (_S.PREPARED, _E.DELETED_BY_OPERATOR): _S.DROPPED,
    (_S.FAILED, _E.PREPARE_AGAIN): _S.NEW,
    (_S.FAILED, _E.SEND_AGAIN): _S.PREPARED,
    (_S.FAILED, _E.OUTLIVED): _S.EXPIRED,
    (_S.FAILED, _E.REJECTED_BY_OPERATOR): _S.REJECTED,
    (_S.FAILED, _E.REDIRECTED): _S.PREPARED,
    (_S.FAILED, _E.DELETED_BY_OPERATOR): _S.DROPPED,
    (_S.FAILED, _E.REPLAYED): _S.FAILED,
    (_S.REJECTED, _E.PREPARE_AGAIN): _S.NEW,
    (_S.REJECTED, _E.SEND_AGAIN): _S.PREPARED,
    (_S.REJECTED, _E.OUTLIVED): _S.EXPIRED,
    (_S.REJECTED, _E.FAILED_BY_OPERATOR): _S.FAILED,
    (_S.REJECTED, _E.REDIRECTED): _S.PREPARED,
    (_S.REJECTED, _E.DELETED_BY_OPERATOR): _S.DROPPED,
    (_S.REJECTED, _E.REPLAYED): _S.REJECTED,
    (_S.EXPIRED, _E.PREPARE_AGAIN): _S.NEW,
    (_S.EXPIRED, _E.SEND_AGAIN): _S.PREPARED,
    (_S.EXPIRED, _E.REDIRECTED): _S.PREPARED,
    (_S.EXPIRED, _E.DELETED_BY_OPERATOR): _S.DROPPED,
    (_S.EXPIRED, _E.REPLAYED): _S.EXPIRED,
    (_S.DELIVERED, _E.SEND_AGAIN): _S.PREPARED,
    (_S.DELIVERED, _E.REPLAYED): _S.DELIVERED,
    (_S.DROPPED, _E.PREPARE_AGAIN): _S.NEW,
    (_S.DROPPED, _E.REPLAYED): _S.DROPPED,
}
"""The only source of what may become what; worker, buttons, manual and tests read it."""

WISHES: dict[QueueState, QueueEvent] = {
    QueueState.NEW: QueueEvent.PREPARE_AGAIN,
    QueueState.PREPARED: QueueEvent.SEND_AGAIN,
    QueueState.FAILED: QueueEvent.FAILED_BY_OPERATOR,
    QueueState.REJECTED: QueueEvent.REJECTED_BY_OPERATOR,
    QueueState.DROPPED: QueueEvent.DELETED_BY_OPERATOR,
}
"""What an operator does to bring an item into a state; also the meaning of ``pendingState``."""


def next_state(state: QueueState, event: QueueEvent) -> QueueState:
    """The state that ``event`` leads to from ``state``; ImpossibleTransition when it means nothing there."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleTransition(f"{event!s} means nothing for an item that is {state!s}") from None


def sources(event: QueueEvent) -> tuple[QueueState, ...]:
    """The states in which ``event`` means something, in the order of their declaration."""
    return tuple(state for state in QueueState if (state, event) in TRANSITIONS)

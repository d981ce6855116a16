"""What can be done to many items: which of them it is possible for, and why not for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from routing.core.states import STUCK_STATES, QueueState, sources
from routing.models import QueueItem
from routing.models.querysets import QueueItemQuerySet
from routing.nodes.gates import held_nodes
from routing.operating.operator_actions import EVENTS, MOST_AT_ONCE, Action
from routing.queue.possible import retry_event, why_not

LABELS = {
    Action.RETRY: "Retry",
    Action.TRY_NOW: "Try now",
    Action.FAIL: "Fail",
    Action.REJECT: "Reject",
    Action.DELETE: "Delete",
    Action.PREPARE_AGAIN: "Prepare again",
    Action.SEND_AGAIN: "Send again",
    Action.REDIRECT: "Change destination",
    Action.REPLAY: "Replay",
}
EFFECTS = {
    Action.RETRY: "Prepared items are sent again, the others meet the scripts again.",
    Action.TRY_NOW: "What waits for its next try is tried at once; the back-off of its destination ends.",
    Action.FAIL: "Nothing happens to failed items until somebody retries them.",
    Action.REJECT: "Rejected items are not tried again by themselves.",
    Action.DELETE: "Nothing is sent; they become Dropped, and retention removes files and rows.",
    Action.PREPARE_AGAIN: "The scripts run again, over what the modality sent.",
    Action.SEND_AGAIN: "What is prepared goes to its destination again.",
    Action.REDIRECT: "What is prepared for one destination goes to another one; no script runs again.",
    Action.REPLAY: "The received images meet the scripts again, as new items; these stay as they are.",
}
DONE = {
    Action.RETRY: "retried",
    Action.TRY_NOW: "tried now",
    Action.FAIL: "failed",
    Action.REJECT: "rejected",
    Action.DELETE: "deleted",
    Action.PREPARE_AGAIN: "to be prepared again",
    Action.SEND_AGAIN: "to be sent again",
    Action.REDIRECT: "redirected",
    Action.REPLAY: "replayed",
}
TYPED_FROM = 100
"""A deletion of more items wants the number typed."""
SAMPLE = 5


@dataclass(frozen=True, slots=True)
class BulkOffer:
    """One button above the list; ``refusal`` says why it is off on this tab."""

    action: Action
    refusal: str

    @property
    def label(self) -> str:
        return LABELS[self.action]


@dataclass(frozen=True, slots=True)
class Chance:
    """Whether an action is possible for some of a selection."""

    action: Action
    able: int
    refusal: str
    """Why not for the others, or the most of them."""

    @property
    def label(self) -> str:
        return LABELS[self.action]

    @property
    def effect(self) -> str:
        return EFFECTS[self.action]


@dataclass(slots=True)
class Prospect:
    """What an action would do."""

    ids: list[int]
    """At most MOST_AT_ONCE, oldest first; possible or not, for that may change until it is done."""
    more: bool
    """Whether still more match."""
    able: int = 0
    held: int = 0
    """Of those able, in progress: theirs follows when their worker is done."""
    refusals: dict[str, int] = field(default_factory=dict)
    destinations: dict[str, int] = field(default_factory=dict)
    oldest: datetime | None = None
    sample: list[QueueItem] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.ids)


def states_of(action: Action) -> tuple[QueueState, ...]:
    return STUCK_STATES if action is Action.RETRY else sources(EVENTS[action])


def bulk_offers(state: QueueState | None) -> list[BulkOffer]:
    """All buttons, those that mean nothing for this state off."""
    return [
        BulkOffer(action, "" if state is None or state in states_of(action) else _meaningless(action, state))
        for action in Action
    ]


def _meaningless(action: Action, state: QueueState) -> str:
    return f"“{LABELS[action]}” means nothing for items that are {state}"


def without_looking(items: QueueItemQuerySet) -> Prospect:
    """Only which items are meant: for what is decided item by item when it is done."""
    ids = list(items.order_by("pk").values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    return Prospect(ids[:MOST_AT_ONCE], more=len(ids) > MOST_AT_ONCE)


def prospect(action: Action, items: QueueItemQuerySet) -> Prospect:
    """Look at every item that is meant, and say what would become of it."""
    rows, held = _rows(items), held_nodes()
    told = Prospect([row.pk for row in rows[:MOST_AT_ONCE]], more=len(rows) > MOST_AT_ONCE)
    sample: list[int] = []
    refusals, destinations = Counter[str](), Counter[str]()
    for row in rows[:MOST_AT_ONCE]:
        if refusal := _refusal(action, row, held):
            refusals[refusal] += 1
            continue
        told.able += 1
        told.held += bool(row.lease_owner)
        destinations[row.destination_ae_title] += 1
        told.oldest = min(told.oldest or row.created_at, row.created_at)
        if len(sample) < SAMPLE:
            sample.append(row.pk)
    # Templates ask a Counter for its "items" and are told that there are none of that name.
    told.refusals, told.destinations = dict(refusals), dict(destinations)
    told.sample = list(QueueItem.objects.filter(pk__in=sample).defer("recipe").order_by("pk"))
    return told


def chances(items: QueueItemQuerySet) -> dict[Action, Chance]:
    """For each action how many of the items it is possible for, and the most frequent reason against the others."""
    rows, held = _rows(items)[:MOST_AT_ONCE], held_nodes()
    found = {}
    for action in Action:
        refusals = Counter(_refusal(action, row, held) for row in rows)
        able = refusals.pop("", 0)
        found[action] = Chance(action, able, next((why for why, _ in refusals.most_common(1)), ""))
    return found


def item_offers(item: QueueItem) -> list[BulkOffer]:
    """What is asked about first, of one item; its other buttons act at once."""
    row = _Row(*(getattr(item, name) for name in _Row._fields))
    return [BulkOffer(action, _refusal(action, row, {})) for action in (Action.REPLAY, Action.REDIRECT, Action.DELETE)]


def study_offers(counts: Mapping[QueueState, int]) -> list[BulkOffer]:
    """The buttons of a study or series with so many items in each state."""
    there = {state for state in QueueState if counts.get(state)}
    return [
        BulkOffer(action, "" if there & set(states_of(action)) else f"nothing of it is {_one_of(states_of(action))}")
        for action in Action
    ]


def _one_of(states: Sequence[QueueState]) -> str:
    *others, last = states
    return f"{', '.join(others)} or {last}" if others else str(last)


def _rows(items: QueueItemQuerySet) -> list[_Row]:
    """At most one more than an action moves, oldest first."""
    return [_Row(*row) for row in items.order_by("pk").values_list(*_Row._fields)[: MOST_AT_ONCE + 1]]


class _Row(NamedTuple):
    """What decides whether an action is possible: columns of an item."""

    pk: int
    state: str
    destination_ae_title: str
    received_id: int
    replay_of: int | None
    prepared_at: datetime | None
    purged_at: datetime | None
    lease_owner: str
    created_at: datetime
    node_id: int | None

    @property
    def is_copy(self) -> bool:
        return self.received_id != self.pk and self.replay_of is None


def _refusal(action: Action, row: _Row, held: Mapping[int | None, str]) -> str:
    """Why it is not possible; empty when it is.  ``held``: what nodes are to which nothing is sent."""
    state = QueueState(row.state)
    if state not in states_of(action):
        return f"already {state}" if _leads_to(action) is state else f"{state}: “{LABELS[action]}” means nothing there"
    event = EVENTS.get(action) or retry_event(row)
    return why_not(event, row, held.get(row.node_id, ""))


def _leads_to(action: Action) -> QueueState | None:
    ends = {Action.FAIL: QueueState.FAILED, Action.REJECT: QueueState.REJECTED, Action.DELETE: QueueState.DROPPED}
    return ends.get(action)

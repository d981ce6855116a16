"""What can be done to many items: which of them it is possible for, and why not for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.http import QueryDict

from routing.core.states import QueueEvent, QueueState, sources
from routing.models import QueueItem
from routing.operator_actions import EVENTS, MOST_AT_ONCE, Action
from routing.querysets import QueueItemQuerySet
from routing.queue_filter import STUCK, QueueFilter

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
BY_SCRIPTS = (QueueEvent.PREPARE_AGAIN, QueueEvent.REPLAYED)
"""What lets the scripts run again."""
SCOPES = ("ticked", "series", "study", "matching")
SAMPLE = 5


@dataclass(frozen=True, slots=True)
class BulkOffer:
    """One button above the list; ``refusal`` says why it is off on this tab."""

    action: Action
    refusal: str

    @property
    def label(self) -> str:
        return LABELS[self.action]


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
    return STUCK if action is Action.RETRY else sources(EVENTS[action])


def bulk_offers(state: QueueState | None) -> list[BulkOffer]:
    """All buttons, those that mean nothing for this state off."""
    return [
        BulkOffer(action, "" if state is None or state in states_of(action) else _meaningless(action, state))
        for action in Action
    ]


def _meaningless(action: Action, state: QueueState) -> str:
    return f"“{LABELS[action]}” means nothing for items that are {state}"


def scoped(scope: str, ticked: Sequence[int], chosen: QueueFilter, upto: int | None) -> QueueItemQuerySet:
    """
    The items that are meant: those ticked, the whole of their series or studies, or all that the filter matches.

    ``upto`` leaves out what came in after the question was asked.
    """
    items = QueueItem.objects.all()
    if scope == "matching":
        items = chosen.matching(items)
        return items if upto is None else items.filter(pk__lte=upto)
    column = {"study": "study_instance_uid", "series": "series_instance_uid"}.get(scope)
    if column is None:
        return items.filter(pk__in=ticked)
    some = items.filter(pk__in=ticked).exclude(study_instance_uid="")
    studies = list(some.order_by().values_list("study_instance_uid", flat=True).distinct())
    # The study has an index, the series alone has none.
    items = items.filter(study_instance_uid__in=studies)
    if column == "series_instance_uid":
        items = items.filter(series_instance_uid__in=list(some.order_by().values_list(column, flat=True).distinct()))
    return items if upto is None else items.filter(pk__lte=upto)


def prospect(action: Action, items: QueueItemQuerySet) -> Prospect:
    """Look at every item that is meant, and say what would become of it."""
    columns = ("pk", "state", "destination_ae_title", "received_id", "replay_of", "prepared_at", "purged_at")
    rows = list(items.order_by("pk").values_list(*columns, "lease_owner", "created_at")[: MOST_AT_ONCE + 1])
    told = Prospect([row[0] for row in rows[:MOST_AT_ONCE]], more=len(rows) > MOST_AT_ONCE)
    sample: list[int] = []
    refusals, destinations = Counter[str](), Counter[str]()
    for pk, state, destination, received, replayed, prepared, purged, owner, created in rows[:MOST_AT_ONCE]:
        copy = received != pk and replayed is None
        refusal = _refusal(action, QueueState(state), copy, prepared is None, purged is not None, owner)
        if refusal:
            refusals[refusal] += 1
            continue
        told.able += 1
        told.held += bool(owner)
        destinations[destination] += 1
        told.oldest = min(told.oldest or created, created)
        if len(sample) < SAMPLE:
            sample.append(pk)
    # Templates ask a Counter for its "items" and are told that there are none of that name.
    told.refusals, told.destinations = dict(refusals), dict(destinations)
    told.sample = list(QueueItem.objects.filter(pk__in=sample).defer("recipe").order_by("pk"))
    return told


def _refusal(action: Action, state: QueueState, copy: bool, unprepared: bool, purged: bool, owner: str) -> str:
    """The same conditions as those of ``routing.record``, in words; empty when it is possible."""
    if state not in states_of(action):
        return f"already {state}" if _leads_to(action) is state else f"{state}: “{LABELS[action]}” means nothing there"
    event = EVENTS.get(action) or (QueueEvent.PREPARE_AGAIN if unprepared else QueueEvent.SEND_AGAIN)
    if event in (*BY_SCRIPTS, QueueEvent.SEND_AGAIN, QueueEvent.REDIRECTED):
        if purged:
            return "the file has been removed"
        if event in BY_SCRIPTS and copy:
            return "a copy meets no script again; its original does"
        if event not in BY_SCRIPTS and unprepared:
            return "the scripts have not finished it"
    if event in (QueueEvent.REDIRECTED, QueueEvent.TRY_NOW) and owner:
        return "in progress"
    return ""


def _leads_to(action: Action) -> QueueState | None:
    ends = {Action.FAIL: QueueState.FAILED, Action.REJECT: QueueState.REJECTED, Action.DELETE: QueueState.DROPPED}
    return ends.get(action)


def read_ids(query: QueryDict, most: int) -> list[int]:
    """The ticked rows."""
    found = [text for text in query.getlist("ids") if text.isascii() and text.isdecimal() and len(text) <= 18]
    return [int(text) for text in found[:most]]

"""Why items are stuck or wait for another try: one cause for what may be a thousand of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet, Value
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from routing.core.failure_text import normalised
from routing.core.states import STUCK_STATES, WAITING_STATES, QueueState
from routing.database.short_lived import ShortLived
from routing.forms.queue_filter import QueueFilter, cause_of
from routing.models import NodeStatus, QueueItem
from routing.operating.operator_actions import Action
from routing.people.sight import Sight
from routing.showing.led_by import BY_PEOPLE, led_by


@dataclass(slots=True)
class Cause:
    """What items of one state and destination have in common."""

    state: str
    destination: str
    mark: str
    """Of the text; empty where a failing destination holds back all that waits for it, tried or not."""
    count: int = 0
    put_off: int = 0
    """Of those that are Prepared, which their destination has not taken for now; the others only wait their turn."""
    by_people: int = 0
    """Of those that are Failed or Rejected, where an operator said so; the text is that of their last error before."""
    first: datetime | None = None
    last: datetime | None = None
    newest: int = 0
    """Id of the item that failed with it last."""
    studies: set[str] = field(default_factory=set)
    text: str = ""
    """As the visitor may see it."""
    next_try: datetime | None = None
    """When the back-off of the destination ends."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Some more items, of which nothing differs but themselves."""
        self.count += row["n"]
        self.by_people += row["by_people"]
        self.first = min(self.first or row["first"], row["first"])
        if self.last is None or row["last"] >= self.last:
            self.last, self.newest = row["last"], row["newest"]
        if row["study_instance_uid"]:
            self.studies.add(row["study_instance_uid"])

    @property
    def queue_link(self) -> str:
        return f"{reverse('queue')}?{self._filter()}"

    @property
    def waits(self) -> bool:
        """Whether it is tried again by itself."""
        return self.state in WAITING_STATES

    @property
    def retry_link(self) -> str:
        action = Action.TRY_NOW if self.waits else Action.RETRY
        return f"{reverse('queue_ask')}?{self._filter(action=action, scope='matching')}"

    def _filter(self, **more: str) -> str:
        cause = {"error": self.mark} if self.mark else {}
        return urlencode({"state": self.state, "destination": self.destination, **cause, **more})


def find_causes() -> list[Cause]:
    """
    Every cause among the newest items that are stuck or wait for another try, the most frequent first.

    The database groups equal texts; texts that differ in details only are put together here.
    """
    groups: dict[tuple[str, str, str], Cause] = {}
    failing = {status.node.ae_title: status for status in _failing()}
    for state in (*STUCK_STATES, *WAITING_STATES):
        for row in _alike(state):
            destination, error = row["destination_ae_title"], row["last_error"]
            held = state is QueueState.PREPARED and destination in failing
            if state in WAITING_STATES and not held and not error:
                continue
            name = (state.value, destination, "" if held else cause_of(error))
            cause = groups.setdefault(name, Cause(*name))
            cause.add(row)
            if held:
                cause.next_try = failing[destination].not_before
            elif state is QueueState.PREPARED:
                cause.put_off += row["put_off"]
    return sorted(groups.values(), key=lambda cause: (-cause.count, cause.state, cause.destination, cause.mark))


def _alike(state: QueueState) -> Iterable[Mapping[str, Any]]:
    """The newest items in this state, by the database put together where destination, text and study are equal."""
    # Each try of what waits moves its row, so that tells nothing of its beginning.
    begun = "created_at" if state in WAITING_STATES else "updated_at"
    # No connection is no answer, and the node's own back-off waits for it: such items are due all the time.
    answered = Q(last_status__isnull=False) | Q(not_before__gt=timezone.now())
    some = QueueFilter({}, sight=Sight(True)).newest(QueueItem.objects.filter(state=state), state)
    decided = state in (QueueState.FAILED, QueueState.REJECTED)
    by_people = Count("pk", filter=Q(led_by__in=BY_PEOPLE)) if decided else Value(0)
    some = some.annotate(led_by=led_by()) if decided else some
    return (
        some.order_by()
        .values("destination_ae_title", "last_error", "study_instance_uid")
        .annotate(
            n=Count("pk"),
            put_off=Count("pk", filter=answered),
            by_people=by_people,
            first=Min(begun),
            last=Max("updated_at"),
            newest=Max("pk"),
        )
    )


def _failing() -> QuerySet[NodeStatus]:
    return NodeStatus.objects.filter(failures_in_a_row__gt=0).select_related("node")


known_causes = ShortLived(find_causes)
"""Found out once for everybody who looks at the page."""


def told_causes(found: Sequence[Cause], sight: Sight) -> Sequence[Cause]:
    """With the words of each cause, free of what the visitor may not see."""
    items = QueueItem.objects.defer("recipe").in_bulk([cause.newest for cause in found])
    nodes = {status.node.ae_title: status.last_error for status in _failing()}
    # What is shared with others holds no words, for each sees different ones.
    found = [replace(cause) for cause in found]
    for cause in found:
        item = items.get(cause.newest)
        held = "" if cause.mark else sight.by_node(nodes.get(cause.destination, ""))
        cause.text = normalised(held or (sight.last_error(item) if item else ""))
        if not cause.text and cause.by_people < cause.count:
            cause.text = "no reason noted" if cause.state != QueueState.EXPIRED else "waited too long"
    return found

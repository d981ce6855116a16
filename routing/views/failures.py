"""Failures by cause: one line for what may be a thousand items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.db.models import Count, Max, Min
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from routing.core.failure_text import normalised
from routing.core.states import QueueState
from routing.counts import ShortLived
from routing.models import QueueItem
from routing.operator_actions import Action
from routing.queue_filter import STUCK, WINDOW, QueueFilter, cause_of
from routing.sight import Sight
from routing.views.request import HtmxHttpRequest, draw

MOST_CAUSES = 200
"""Lines of the page; the most frequent come first."""


@dataclass(slots=True)
class Cause:
    """What items of one state and destination have in common."""

    state: str
    destination: str
    mark: str
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    newest: int = 0
    """Id of the item that failed with it last."""
    studies: set[str] = field(default_factory=set)
    text: str = ""
    """As the visitor may see it."""

    @property
    def queue_link(self) -> str:
        return f"{reverse('queue')}?{self._filter()}"

    @property
    def retry_link(self) -> str:
        return f"{reverse('queue_ask')}?{self._filter(action=Action.RETRY, scope='matching')}"

    def _filter(self, **more: str) -> str:
        return urlencode({"state": self.state, "destination": self.destination, "error": self.mark, **more})


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def failures(request: HttpRequest) -> HttpResponse:
    visitor = cast(HtmxHttpRequest, request)
    sight = Sight.of(visitor.user)
    found = known_causes()
    context = {
        "sight": sight,
        "causes": told(found[:MOST_CAUSES], sight),
        "items": sum(cause.count for cause in found),
        "hidden": max(0, len(found) - MOST_CAUSES),
        "window": WINDOW,
        "operates": visitor.user.has_perm("routing.operate_queue"),
    }
    return draw(visitor, "routing/failures.html", "routing/_failures.html", context)


def find_causes() -> list[Cause]:
    """
    Every cause among the newest failed, rejected and expired items, the most frequent first.

    The database groups equal texts; texts that differ in details only are put together here.
    """
    groups: dict[tuple[str, str, str], Cause] = {}
    for state in STUCK:
        some = QueueFilter({}, sight=Sight(True)).newest(QueueItem.objects.filter(state=state), state)
        rows: Any = (
            some.order_by()
            .values("destination_ae_title", "last_error", "study_instance_uid")
            .annotate(n=Count("pk"), first=Min("updated_at"), last=Max("updated_at"), newest=Max("pk"))
        )
        for row in rows:
            name = (state.value, row["destination_ae_title"], cause_of(row["last_error"]))
            cause = groups.setdefault(name, Cause(*name))
            cause.count += row["n"]
            cause.first = min(cause.first or row["first"], row["first"])
            if cause.last is None or row["last"] >= cause.last:
                cause.last, cause.newest = row["last"], row["newest"]
            if row["study_instance_uid"]:
                cause.studies.add(row["study_instance_uid"])
    return sorted(groups.values(), key=lambda cause: (-cause.count, cause.state, cause.destination, cause.mark))


known_causes = ShortLived(find_causes)
"""Found out once for everybody who looks at the page."""


def told(found: Sequence[Cause], sight: Sight) -> Sequence[Cause]:
    """With the words of each cause, free of what the visitor may not see."""
    items = QueueItem.objects.defer("recipe").in_bulk([cause.newest for cause in found])
    # What is shared with others holds no words, for each sees different ones.
    found = [replace(cause) for cause in found]
    for cause in found:
        item = items.get(cause.newest)
        cause.text = normalised(sight.last_error(item)) if item else ""
        if not cause.text:
            cause.text = "no reason noted" if cause.state != QueueState.EXPIRED else "waited too long"
    return found

"""The first page: what is wrong, how much waits where, and whether the service lives."""

from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from routing.core.states import QueueState
from routing.models import QueueItem, UnknownSender
from routing.sight import Sight
from routing.views.destinations import Condition, destinations
from routing.views.problems import problems
from routing.views.request import HtmxHttpRequest, draw
from routing.views.service import disk, processes

RECENT = 12
"""Items in the list at the foot of the page."""
MOST_SENDERS = 20


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def dashboard(request: HttpRequest) -> HttpResponse:
    visitor = cast(HtmxHttpRequest, request)
    return draw(visitor, "routing/dashboard.html", "routing/_dashboard.html", situation(Sight.of(visitor.user)))


def situation(sight: Sight) -> dict[str, Any]:
    """Everything the page shows."""
    found, room = destinations(), disk()
    # Every item has a destination, so the groups add up to the whole; counting twice would cost as much again.
    counts = {state.value: sum(each.counts.get(state, 0) for each in found) for state in QueueState}
    return {
        "sight": sight,
        "problems": problems(found, room, sight),
        "counts": counts,
        "in_flight": sum(destination.in_flight for destination in found),
        "destinations": sorted(found, key=lambda destination: destination.condition is not Condition.FAILING),
        "disk": room,
        "processes": processes(),
        "unknown_senders": UnknownSender.objects.all()[:MOST_SENDERS],
        "recent": QueueItem.objects.order_by("-id")[:RECENT],
    }

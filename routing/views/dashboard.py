"""The first page: what is wrong, how much waits where, and whether the service lives."""

from functools import partial
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from routing.database.short_lived import ShortLived
from routing.models import QueueItem
from routing.operating.allowing import unknown_senders
from routing.people.sight import Sight
from routing.processes.start_report import start_report
from routing.showing.destinations import Condition, Destination, counts_by_state, destinations
from routing.showing.problems import problems
from routing.showing.service import database_bytes, disk, processes
from routing.showing.traffic_charts import charts, sparks
from routing.views.request import HtmxHttpRequest, draw

MOST_SENDERS = 20
MOST_PROBLEMS = MOST_CARDS = 100
"""The worst first; of thousands of nodes the page would be megabytes, drawn anew each second."""
NEWEST = 6
"""Items at the foot of the page that show what arrives and what becomes of it."""


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def dashboard(request: HtmxHttpRequest) -> HttpResponse:
    context = situation(Sight.of(request.user))
    if not request.htmx or request.htmx.history_restore_request:
        # The charts refresh themselves, more slowly.
        context = context | charts(request.GET, timezone.now())
    return draw(request, "routing/dashboard.html", "routing/_dashboard.html", context)


def _situation(sight: Sight) -> dict[str, Any]:
    found, room, start = destinations(), disk(), start_report()
    told = problems(found, room, start, sight)
    many = len(found) > MOST_CARDS

    def place(each: Destination) -> tuple[bool, bool]:
        """By name, but for those that fail and, where not all are shown, those that have something to do."""
        return each.condition is not Condition.FAILING, many and not (each.waiting or each.stuck)

    shown = sorted(found, key=place)[:MOST_CARDS]
    return {
        "sight": sight,
        "problems": told[:MOST_PROBLEMS],
        "more_problems": max(len(told) - MOST_PROBLEMS, 0),
        "counts": counts_by_state(),
        "in_flight": sum(destination.in_flight for destination in found),
        "destinations": [(each, sparks().get(each.ae_title)) for each in shown],
        "more_destinations": len(found) - len(shown),
        "disk": room,
        "database_bytes": database_bytes(),
        "processes": processes(),
        "start": start,
        "newest": list(QueueItem.objects.defer("recipe").order_by("-id")[:NEWEST]),
        "unknown_senders": unknown_senders(MOST_SENDERS),
    }


_SITUATION = {full: ShortLived(partial(_situation, Sight(full)), longest=1.0) for full in (True, False)}


def situation(sight: Sight) -> dict[str, Any]:
    """Everything the page shows; a second old at most; one for those who may see patient data, one for the others."""
    return _SITUATION[sight.full]()

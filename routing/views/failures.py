"""Failures by cause, and what waits for its next try: one line for what may be a thousand items."""

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from routing.forms.queue_filter import WINDOW
from routing.people.sight import Sight
from routing.showing.causes import known_causes, told_causes
from routing.views.request import HtmxHttpRequest, draw

MOST_CAUSES = 200
"""Lines of the page; the most frequent come first."""


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def failures(request: HtmxHttpRequest) -> HttpResponse:
    sight = Sight.of(request.user)
    found = known_causes()
    context = {
        "sight": sight,
        "causes": told_causes(found[:MOST_CAUSES], sight),
        "items": sum(cause.count for cause in found),
        "hidden": max(0, len(found) - MOST_CAUSES),
        "window": WINDOW,
        "operates": request.user.has_perm("routing.operate_queue"),
    }
    return draw(request, "routing/failures.html", "routing/_failures.html", context)

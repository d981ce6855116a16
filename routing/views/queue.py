"""The queue: tabs by state, filters in the address, pages by id."""

from typing import cast

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from routing.models import Node, QueueItem
from routing.queue_filter import QueueFilter
from routing.sight import Sight
from routing.views.keyset import keyset_page
from routing.views.offers import WAITING_FOR_A_PERSON as STUCK
from routing.views.request import HtmxHttpRequest, draw

PAGE = 50
OPERATE = "routing.operate_queue"


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue(request: HttpRequest) -> HttpResponse:
    return draw_queue(cast(HtmxHttpRequest, request))


def draw_queue(visitor: HtmxHttpRequest) -> HttpResponse:
    """The list that the address asks for."""
    sight = Sight.of(visitor.user)
    chosen = QueueFilter(visitor.GET, sight=sight)
    matching = chosen.matching(QueueItem.objects.all())
    counts = chosen.without_state(QueueItem.objects.all()).counts()
    state = chosen.value("state")
    return draw(
        visitor,
        "routing/queue.html",
        "routing/_queue.html",
        {
            "sight": sight,
            "form": chosen,
            "state": state,
            "filtered": chosen.narrows,
            "counts": counts,
            "retriable": counts.get(state, 0) if state in STUCK and visitor.user.has_perm(OPERATE) else 0,
            "total": sum(counts.values()),
            "page": keyset_page(matching.defer("recipe"), visitor.GET, PAGE),
            "nodes": Node.objects.values_list("ae_title", flat=True).distinct(),
        },
    )

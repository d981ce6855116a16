"""The queue: tabs by state, filters and order in the address, pages that stay still while somebody reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from routing.core.identifiers import identifier_in
from routing.core.states import STUCK_STATES, QueueState
from routing.database.short_lived import ShortLived
from routing.forms.queue_filter import CAP, WINDOW, QueueFilter
from routing.models import Node, QueueItem
from routing.operating.behind import broken_off, under_way
from routing.operating.undo import last_undoable
from routing.people.sight import Sight
from routing.people.viewed import note_view
from routing.selecting.bulk import bulk_offers
from routing.selecting.keyset import KeysetPage, keyset_page, page_or_head, sorted_page
from routing.views.request import HtmxHttpRequest, draw

PAGE = 50
MOST_NEW = 99
OPERATE = "routing.operate_queue"
ORDERS = {
    "received": "id",
    "changed": "updated_at",
    "size": "size",
    "attempts": "attempt_count",
    "destination": "destination_ae_title",
    "source": "source_ae_title",
}
"""What a list can be ordered by, and the column; each goes both ways."""
NEWEST_FIRST = "-received"


@dataclass(frozen=True, slots=True)
class Beyond:
    """What happened to the list since its rows were drawn."""

    new: int = 0
    """Newer rows that match, up to MOST_NEW + 1."""
    left: int = 0
    """Rows shown that match no longer, or have been removed."""


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue(request: HtmxHttpRequest) -> HttpResponse:
    return draw_queue(request)


everything = ShortLived(lambda: QueueFilter({}, sight=Sight(True)).counts())
"""The numbers on the tabs without a filter, counted once for everybody who looks."""


def draw_queue(request: HtmxHttpRequest) -> HttpResponse:
    """The list that the address asks for."""
    sight = Sight.of(request.user)
    chosen = QueueFilter(request.GET, sight=sight)
    order = chosen_order(request)
    bounded = order not in (NEWEST_FIRST, "received")
    shown = _shown(request)
    if shown:
        page, beyond = _still(chosen, shown, request, bounded)
    else:
        page, beyond = _page(chosen, order, request, bounded), Beyond()
    if page.rows and request.method == "GET":
        note_view(request.user, "queue", "list", filter=chosen.asked)
    counts = chosen.counts() if chosen.narrows else everything()
    state = chosen.value("state")
    operates = request.user.has_perm(OPERATE)
    undoable = last_undoable(request.user.get_username()) if operates else None
    return draw(
        request,
        "routing/queue.html",
        "routing/_queue.html",
        {
            "sight": sight,
            "form": chosen,
            "state": state,
            "order": order,
            "filtered": chosen.narrows,
            "counts": counts,
            "cap": CAP,
            "total": sum(counts.values()),
            "matching": counts[state] if state else sum(counts.values()),
            "page": page,
            "marks": {} if page.first else request.GET,
            "beyond": beyond,
            "window": WINDOW if (bounded or not chosen.indexed) and chosen.cut() else 0,
            "bulk": bulk_offers(QueueState(state) if state else None) if operates else [],
            "all_retriable": state in STUCK_STATES,
            "under_way": under_way() if operates else (),
            "broken_off": broken_off() if operates else (),
            "undoable": undoable,
            # What went on behind the page has ended since its rows were drawn.
            "undo_anew": operates and (not shown or bool(undoable and undoable.wanted)),
            "nodes": Node.objects.values_list("ae_title", flat=True).distinct(),
        },
    )


def chosen_order(request: HtmxHttpRequest) -> str:
    """The order in the address, one of ORDERS with or without a minus; else newest first."""
    order = request.GET.get("sort", "")
    return order if order.removeprefix("-") in ORDERS else NEWEST_FIRST


def _page(chosen: QueueFilter, order: str, request: HtmxHttpRequest, bounded: bool) -> KeysetPage[QueueItem]:
    rows = chosen.matching(QueueItem.objects.defer("recipe").prefetch_related("node"), bounded=bounded)
    if order == NEWEST_FIRST:
        return page_or_head(lambda query: keyset_page(rows, query, PAGE), request.GET)
    column, descending = ORDERS[order.removeprefix("-")], order.startswith("-")
    return page_or_head(lambda query: sorted_page(rows, query, PAGE, column, descending=descending), request.GET)


def _shown(request: HtmxHttpRequest) -> list[int]:
    """The rows that a refresh asks for again, in their order."""
    if not request.htmx:
        return []
    found = [identifier_in(text) for text in request.GET.get("rows", "").split(",")[:PAGE]]
    return [pk for pk in found if pk is not None]


def _still(
    chosen: QueueFilter, shown: Sequence[int], request: HtmxHttpRequest, bounded: bool
) -> tuple[KeysetPage[QueueItem], Beyond]:
    """The same rows as they are now, whatever has come and gone around them."""
    found = QueueItem.objects.defer("recipe").prefetch_related("node").in_bulk(shown)
    rows = [found[pk] for pk in shown if pk in found]
    matching = chosen.matching(QueueItem.objects.all(), bounded=bounded)
    left = len(shown) - matching.filter(pk__in=shown).order_by().count()
    first = not request.GET.get("before") and not request.GET.get("after")
    new = 0
    if first and chosen_order(request) == NEWEST_FIRST:
        new = matching.filter(pk__gt=max(shown)).order_by().values("pk")[: MOST_NEW + 1].count()
    more: Any = shown[-1] if request.GET.get("more") else None
    return KeysetPage(rows, more, None if first else shown[0], first=first), Beyond(new, left)

"""What people do to items: each is one event, recorded in one place."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from routing.audit import audit
from routing.core.states import QueueEvent, QueueState, next_state
from routing.models import QueueItem
from routing.queue_filter import QueueFilter
from routing.record import Moved, record_for, retry_for
from routing.sight import Sight
from routing.views.item import draw_item
from routing.views.offers import LABELS, WAITING_FOR_A_PERSON, offers
from routing.views.queue import draw_queue
from routing.views.request import HtmxHttpRequest

MOST_AT_ONCE = 10_000
"""Items that one press of a button moves: it is one transaction, and nobody else writes meanwhile."""


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_send_again(request: HttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, QueueEvent.SEND_AGAIN)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_prepare_again(request: HttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, QueueEvent.PREPARE_AGAIN)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_fail(request: HttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, QueueEvent.FAILED_BY_OPERATOR)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_reject(request: HttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, QueueEvent.REJECTED_BY_OPERATOR)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_retry_matching(request: HttpRequest) -> HttpResponse:
    """Retry everything that the address asks for, oldest first and at most MOST_AT_ONCE."""
    operator = cast(HtmxHttpRequest, request)
    chosen = QueueFilter(operator.GET, sight=Sight.of(operator.user))
    if chosen.value("state") not in WAITING_FOR_A_PERSON:
        return HttpResponseBadRequest("Only items that failed, were rejected or expired are retried together.")
    matching = chosen.matching(QueueItem.objects.all()).order_by("id")
    some = QueueItem.objects.filter(pk__in=list(matching.values_list("pk", flat=True)[:MOST_AT_ONCE]))
    actor = operator.user.get_username()
    with transaction.atomic():
        moved = retry_for(some, actor=actor)
        audit(actor, "retry", f"{moved.moved} {chosen.value('state')} items", filter=operator.GET.urlencode())
    told = f"{moved.moved} item{'' if moved.moved == 1 else 's'} retried."
    if moved.untouched:
        told += f" {moved.untouched} could not be: their files are gone, or they are copies that were never prepared."
    messages.add_message(operator, messages.SUCCESS if moved.moved else messages.WARNING, told)
    if not operator.htmx:
        return redirect(f"{reverse('queue')}?{operator.GET.urlencode()}")
    return draw_queue(operator)


def _act(request: HttpRequest, item_id: int, event: QueueEvent) -> HttpResponse:
    operator = cast(HtmxHttpRequest, request)
    before = get_object_or_404(QueueItem, pk=item_id)
    with transaction.atomic():
        moved = record_for(QueueItem.objects.filter(pk=item_id), event, actor=operator.user.get_username())
        if moved.moved or moved.pending:
            audit(operator.user.get_username(), str(event), f"item {item_id}", from_state=before.state)
    item = QueueItem.objects.select_related("node", "script_version").get(pk=item_id)
    _tell(operator, before, event, moved)
    if not operator.htmx:
        return redirect("queue_item", item_id)
    if operator.htmx.target == f"row-{item_id}":
        context = {"item": item, "sight": Sight.of(operator.user), "fragment": True}
        return render(operator, "routing/_queue_row_changed.html", context)
    return draw_item(operator, item)


def _tell(request: HtmxHttpRequest, item: QueueItem, event: QueueEvent, moved: Moved) -> None:
    if moved.moved:
        to = next_state(QueueState(item.state), event)
        messages.success(request, f"Item {item.pk} is now {to}.")
    elif moved.pending:
        messages.info(request, f"Item {item.pk} is in progress; “{LABELS[event]}” follows when its worker is done.")
    else:
        why = next((offer.refusal for offer in offers(item) if offer.event is event), "")
        why = why or f"it is {item.state}, or was changed a moment ago"
        messages.warning(request, f"“{LABELS[event]}” did nothing to item {item.pk}: {why}.")

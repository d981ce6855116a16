"""What people do to items: each is one event, recorded in one place."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from routing.audit import audit
from routing.core.states import QueueEvent, QueueState, next_state
from routing.models import QueueItem
from routing.record import Moved, record_for
from routing.sight import Sight
from routing.views.item import draw_item
from routing.views.offers import LABELS, offers
from routing.views.request import HtmxHttpRequest


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
        context = {"item": item, "sight": Sight.of(operator.user), "with_messages": True}
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

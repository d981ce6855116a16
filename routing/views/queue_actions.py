"""The buttons of one item: each is one event, recorded in one place, and can be taken back for a moment."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from routing.core.states import QueueState, next_state
from routing.models import OperatorAction, QueueItem
from routing.operating.operator_actions import EVENTS, Action, perform
from routing.operating.undo import last_undoable
from routing.people.sight import Sight
from routing.selecting.neighbours import filter_of
from routing.selecting.offers import LABELS, offers
from routing.views.item import draw_item
from routing.views.request import HtmxHttpRequest


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_send_again(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, Action.SEND_AGAIN)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_try_now(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, Action.TRY_NOW)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_prepare_again(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, Action.PREPARE_AGAIN)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_fail(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, Action.FAIL)


@require_POST
@permission_required("routing.operate_queue", raise_exception=True)
def queue_reject(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    return _act(request, item_id, Action.REJECT)


def _act(request: HtmxHttpRequest, item_id: int, action: Action) -> HttpResponse:
    before = get_object_or_404(QueueItem, pk=item_id)
    actor = request.user.get_username()
    if _delivered_meanwhile(request, before):
        words = f"Item {item_id} has been delivered meanwhile, so nothing was done: pressed now, it is sent once more."
        messages.warning(request, words)
    else:
        done = perform(action, [item_id], actor=actor, scope="", subject=f"item {item_id}")
        _tell(request, before, action, done)
    item = QueueItem.objects.select_related("node", "script_version").get(pk=item_id)
    if not request.htmx:
        query = filter_of(request.GET).urlencode()
        return redirect(reverse("queue_item", args=[item_id]) + (f"?{query}" if query else ""))
    if request.htmx.target == f"row-{item_id}":
        # Only the queue's own rows have boxes to tick, and a place for the offer to undo.
        context = {
            "item": item,
            "sight": Sight.of(request.user),
            "fragment": True,
            "bulk": "bulk" in request.POST,
            "undoable": last_undoable(actor),
        }
        return render(request, "routing/_queue_row_changed.html", context)
    return draw_item(request, item)


def _delivered_meanwhile(request: HtmxHttpRequest, item: QueueItem) -> bool:
    """Whether the button was drawn before the image arrived: what was to get it there would send it twice."""
    drawn = request.POST.get("state", item.state)
    return item.state == QueueState.DELIVERED and drawn != item.state


def _tell(request: HtmxHttpRequest, item: QueueItem, action: Action, done: OperatorAction) -> None:
    event = EVENTS[action]
    if done.moved:
        to = next_state(QueueState(item.state), event)
        words = "is tried at once" if action is Action.TRY_NOW else f"is now {to}"
        messages.success(request, f"Item {item.pk} {words}.")
    elif done.pending:
        messages.info(request, f"Item {item.pk} is in progress; “{LABELS[event]}” follows when its worker is done.")
    else:
        why = next((offer.refusal for offer in offers(item) if offer.event is event), "")
        why = why or f"it is {item.state}, or was changed a moment ago"
        messages.warning(request, f"“{LABELS[event]}” did nothing to item {item.pk}: {why}.")

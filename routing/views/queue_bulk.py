"""Actions on many items: the question with number and sample, the deed, and taking it back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from routing.core.counted import counted
from routing.core.identifiers import identifier_in
from routing.core.states import WISHES
from routing.models import Node, OperatorAction, OperatorStep, QueueItem
from routing.operating.behind import BEHIND, perform_behind, stop
from routing.operating.operator_actions import EVENTS, MOST_AT_ONCE, Action, perform
from routing.operating.undo import TooLate, undo
from routing.people.sight import Sight
from routing.people.viewed import note_view
from routing.selecting.bulk import DONE, EFFECTS, LABELS, TYPED_FROM, Prospect, chances, prospect, without_looking
from routing.selecting.selection import SCOPES, Selection, filter_alone, way_back
from routing.views.queue import OPERATE, draw_queue
from routing.views.request import HtmxHttpRequest, draw

MOVE = "move"
"""The question before the question: where to."""
MOVES = (
    *((state.value, action) for state, wish in WISHES.items() for action, event in EVENTS.items() if event is wish),
    ("another destination", Action.REDIRECT),
)
"""Every state that a person can bring items into, and the action that does it."""


@require_GET
@permission_required(OPERATE, raise_exception=True)
def queue_ask(request: HtmxHttpRequest) -> HttpResponse:
    """Say what an action would do, before anything is done."""
    if request.GET.get("action") == MOVE:
        return _where_to(request)
    return _question(request, request.GET)


@require_POST
@permission_required(OPERATE, raise_exception=True)
def queue_act(request: HtmxHttpRequest) -> HttpResponse:
    """Do what was asked about; the filter is in the address, the rest in the form."""
    given, action = request.POST, _action(request.POST)
    if action is None or given.get("scope") not in SCOPES:
        return HttpResponseBadRequest("No such action.")
    meant = Selection.read(request.GET, given, Sight.of(request.user), asking=False)
    if meant.wrong:
        return _question(request, given, status=400)
    if given.get("asked", meant.scope) != meant.scope:
        # Without JavaScript a wider choice leaves the number as it was: it is asked about anew.
        return _question(request, given)
    looking = action in (Action.DELETE, Action.TRY_NOW)
    told = prospect(action, meant.items()) if looking else without_looking(meant.items())
    node = Node.objects.filter(pk=identifier_in(given.get("node")) or 0, role=Node.Role.STORAGE).first()
    wrong = ""
    if action is Action.REDIRECT and node is None:
        wrong = "Choose the node that they go to."
    elif action is Action.DELETE and told.able > TYPED_FROM and given.get("sure", "").strip() != str(told.able):
        wrong = f"Type {told.able} to delete that many."
    if wrong:
        return _question(request, given, wrong=wrong)
    do = perform_behind if len(told.ids) > BEHIND else perform
    done = do(
        action,
        told.ids,
        actor=request.user.get_username(),
        scope=meant.filter.urlencode() if meant.scope == "matching" else _those(meant.scope, told.total),
        subject=meant.subject,
        note=given.get("note", "").strip(),
        node=node if action is Action.REDIRECT else None,
        asked_at=meant.asked_at,
    )
    if done.undo_until is None:
        messages.info(request, f"Begun with {counted(len(told.ids), 'item')}: the queue shows how far it is.")
    else:
        _tell(request, done, told, meant.delivered_meanwhile())
    return _back(request, meant.back)


@require_POST
@permission_required(OPERATE, raise_exception=True)
def queue_stop(request: HtmxHttpRequest, action_id: int) -> HttpResponse:
    """End what goes on behind the pages, whoever began it; what has been done stays done."""
    row = get_object_or_404(OperatorAction, pk=action_id)
    if stop(row, request.user.get_username()):
        messages.success(request, "Stopped: nothing further is begun.")
    else:
        messages.warning(request, "It has ended already.")
    return _back(request, "")


@require_POST
@permission_required(OPERATE, raise_exception=True)
def queue_undo(request: HtmxHttpRequest, action_id: int) -> HttpResponse:
    """Take one's own last action back, as far as nothing else has happened meanwhile."""
    done = get_object_or_404(OperatorAction, pk=action_id, actor=request.user.get_username())
    way = way_back(request.POST.get("back", ""))
    try:
        back = undo(done)
    except TooLate:
        messages.warning(request, "Too late to undo: the time is over, or it has been undone already.")
        return _back(request, way)
    on = done.moved + done.pending - back
    told = f"Undone: {counted(back, 'item')} put back as before."
    messages.success(request, told if not on else f"{told} {counted(on, 'item')} had moved on and stayed.")
    return _back(request, way)


def _where_to(request: HtmxHttpRequest) -> HttpResponse:
    """Every state, and another destination, with how many can be brought there."""
    meant = Selection.read(request.GET, request.GET, Sight.of(request.user), asking=True)
    found = chances(meant.items())
    context = {"meant": meant, "moves": [(where, found[action]) for where, action in MOVES], "wrong": meant.wrong}
    return draw(request, "routing/queue_move.html", "routing/_queue_move.html", context)


def _question(request: HtmxHttpRequest, given: QueryDict, wrong: str = "", status: int = 200) -> HttpResponse:
    action = _action(given)
    if action is None:
        return HttpResponseBadRequest("No such action.")
    sight = Sight.of(request.user)
    meant = Selection.read(request.GET, given, sight, asking=True)
    told = prospect(action, meant.items())
    if told.sample:
        note_view(request.user, "queue", "list", filter=meant.chosen.asked)
    context: dict[str, Any] = {
        "sight": sight,
        "action": action,
        "label": LABELS[action],
        "effect": EFFECTS[action],
        "meant": meant,
        "scopes": meant.sizes(MOST_AT_ONCE + 1),
        "told": told,
        "most": MOST_AT_ONCE,
        "nodes": Node.objects.filter(role=Node.Role.STORAGE).order_by("ae_title") if action is Action.REDIRECT else [],
        "typed": action is Action.DELETE and told.able > TYPED_FROM,
        "wrong": wrong or meant.wrong,
        "note": given.get("note", ""),
    }
    answer = draw(request, "routing/queue_ask.html", "routing/_queue_ask.html", context, status)
    # The form's answer usually replaces the list; a question that lacks something comes back into its own place.
    answer["X-Question"] = "1"
    if request.method == "POST":
        answer["HX-Retarget"], answer["HX-Reswap"] = "#ask", "innerHTML"
    return answer


def _back(request: HtmxHttpRequest, back: str) -> HttpResponse:
    """The page that the question was asked on: an item's, a study's, or else the list."""
    if back:
        return redirect(back)
    if request.htmx:
        return draw_queue(request)
    return redirect(reverse("queue", query=filter_alone(request.GET)))


def _tell(request: HtmxHttpRequest, done: OperatorAction, meant: Prospect, delivered: int) -> None:
    told = [f"{counted(done.moved, 'item')} {DONE[Action(done.action)]}."]
    if done.pending:
        told.append(f"{counted(done.pending, 'item')} in progress: it follows when their worker is done.")
    if done.untouched:
        refusals = meant.refusals or _why_not(done, meant)
        why = ": " + "; ".join(refusals) if refusals else ", in the state they are in"
        told.append(f"{counted(done.untouched, 'item')} could not be{why}.")
    if delivered:
        told.append(f"{counted(delivered, 'item')} had been delivered meanwhile and stayed so.")
    if meant.more or done.moved + done.pending + done.untouched < meant.total:
        told.append("Those were the oldest; more match: do it again to go on.")
    messages.add_message(request, messages.SUCCESS if done.moved or done.pending else messages.WARNING, " ".join(told))


def _why_not(done: OperatorAction, meant: Prospect) -> list[str]:
    """What stands against the items that the action left as they are."""
    touched = OperatorStep.objects.filter(action=done).values("item_id")
    left = QueueItem.objects.filter(pk__in=meant.ids).exclude(pk__in=touched)
    return list(prospect(Action(done.action), left).refusals)


def _those(scope: str, total: int) -> str:
    return counted(total, "item") + {"study": " of whole studies", "series": " of whole series"}.get(scope, " ticked")


def _action(given: QueryDict) -> Action | None:
    name = given.get("action", "")
    return Action(name) if name in list(Action) else None

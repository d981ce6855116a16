"""Actions on many items: the question with number and sample, the deed, and taking it back."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from routing.models import Node, OperatorAction, QueueItem
from routing.operator_actions import MOST_AT_ONCE, Action, TooLate, perform, undo
from routing.queue_filter import QueueFilter
from routing.sight import Sight
from routing.views.bulk import DONE, EFFECTS, LABELS, SCOPES, prospect, read_ids, scoped
from routing.views.queue import OPERATE, PAGE, draw_queue
from routing.views.request import HtmxHttpRequest, draw

TYPED_FROM = 100
"""A deletion of more items wants the number typed."""
_OURS = ("action", "scope", "ids", "upto", "rows", "more", "before", "after")
"""Parameters that are no part of the filter."""


@require_GET
@permission_required(OPERATE, raise_exception=True)
def queue_ask(request: HttpRequest) -> HttpResponse:
    """Say what an action would do, before anything is done."""
    operator = cast(HtmxHttpRequest, request)
    return _question(operator, operator.GET)


@require_POST
@permission_required(OPERATE, raise_exception=True)
def queue_act(request: HttpRequest) -> HttpResponse:
    """Do what was asked about; the filter is in the address, the rest in the form."""
    operator = cast(HtmxHttpRequest, request)
    given, action = operator.POST, _action(operator.POST)
    if action is None or given.get("scope") not in SCOPES:
        return HttpResponseBadRequest("No such action.")
    chosen = QueueFilter(operator.GET, sight=Sight.of(operator.user))
    items = scoped(given["scope"], read_ids(given, PAGE), chosen, _number(given.get("upto")))
    told = prospect(action, items)
    node = Node.objects.filter(pk=_number(given.get("node")) or 0, role=Node.Role.STORAGE).first()
    wrong = ""
    if action is Action.REDIRECT and node is None:
        wrong = "Choose the node that they go to."
    elif action is Action.DELETE and told.able > TYPED_FROM and given.get("sure", "").strip() != str(told.able):
        wrong = f"Type {told.able} to delete that many."
    if wrong:
        return _question(operator, given, wrong=wrong)
    done = perform(
        action,
        told.ids,
        actor=operator.user.get_username(),
        scope=_filter(operator.GET).urlencode() if given["scope"] == "matching" else _those(given["scope"], told.total),
        note=given.get("note", "").strip(),
        node=node if action is Action.REDIRECT else None,
    )
    _tell(operator, done, told.total, told.more)
    return _list(operator)


@require_POST
@permission_required(OPERATE, raise_exception=True)
def queue_undo(request: HttpRequest, action_id: int) -> HttpResponse:
    """Take one's own last action back, as far as nothing else has happened meanwhile."""
    operator = cast(HtmxHttpRequest, request)
    done = get_object_or_404(OperatorAction, pk=action_id, actor=operator.user.get_username())
    try:
        back = undo(done)
    except TooLate:
        messages.warning(operator, "Too late to undo: the time is over, or it has been undone already.")
        return _list(operator)
    on = done.moved + done.pending - back
    told = f"Undone: {_items(back)} put back as before."
    messages.success(operator, told if not on else f"{told} {_items(on)} had moved on and stayed.")
    return _list(operator)


def _question(operator: HtmxHttpRequest, given: QueryDict, wrong: str = "") -> HttpResponse:
    action = _action(given)
    if action is None:
        return HttpResponseBadRequest("No such action.")
    ticked = read_ids(given, PAGE)
    scope = given.get("scope", "")
    scope = scope if scope in SCOPES and (ticked or scope == "matching") else "ticked" if ticked else "matching"
    sight = Sight.of(operator.user)
    chosen = QueueFilter(operator.GET, sight=sight)
    newest = QueueItem.objects.order_by("-id").values_list("pk", flat=True).first() or 0
    upto = _number(given.get("upto")) or newest
    told = prospect(action, scoped(scope, ticked, chosen, upto))
    context: dict[str, Any] = {
        "sight": sight,
        "action": action,
        "label": LABELS[action],
        "effect": EFFECTS[action],
        "scope": scope,
        "scopes": _scopes(ticked, chosen, upto),
        "told": told,
        "most": MOST_AT_ONCE,
        "ticked": ticked,
        "upto": upto,
        "filter": _filter(operator.GET),
        "nodes": Node.objects.filter(role=Node.Role.STORAGE).order_by("ae_title") if action is Action.REDIRECT else [],
        "typed": action is Action.DELETE and told.able > TYPED_FROM,
        "wrong": wrong,
        "note": given.get("note", ""),
    }
    answer = draw(operator, "routing/queue_ask.html", "routing/_queue_ask.html", context)
    # The form's answer usually replaces the list; a question that lacks something comes back into its own place.
    answer["X-Question"] = "1"
    if operator.method == "POST":
        answer["HX-Retarget"], answer["HX-Reswap"] = "#ask", "innerHTML"
    return answer


def _scopes(ticked: list[int], chosen: QueueFilter, upto: int) -> list[tuple[str, int]]:
    """What can be meant, each with its number up to one more than is done at once."""
    names = SCOPES if ticked else ("matching",)
    found = [
        (name, scoped(name, ticked, chosen, upto).order_by().values("pk")[: MOST_AT_ONCE + 1].count()) for name in names
    ]
    return [(name, number) for name, number in found if number]


def _list(operator: HtmxHttpRequest) -> HttpResponse:
    if operator.htmx:
        return draw_queue(operator)
    return redirect(f"{reverse('queue')}?{_filter(operator.GET).urlencode()}")


def _tell(operator: HtmxHttpRequest, done: OperatorAction, total: int, more: bool) -> None:
    told = [f"{_items(done.moved)} {DONE[Action(done.action)]}."]
    if done.pending:
        told.append(f"{_items(done.pending)} in progress: it follows when their worker is done.")
    if done.untouched:
        told.append(f"{_items(done.untouched)} could not be, in the state they are in.")
    if more or done.moved + done.pending + done.untouched < total:
        told.append("Those were the oldest; more match: do it again to go on.")
    messages.add_message(operator, messages.SUCCESS if done.moved or done.pending else messages.WARNING, " ".join(told))


def _items(number: int) -> str:
    return f"{number} item{'' if number == 1 else 's'}"


def _those(scope: str, total: int) -> str:
    return _items(total) + {"study": " of whole studies", "series": " of whole series"}.get(scope, " ticked")


def _action(given: QueryDict) -> Action | None:
    name = given.get("action", "")
    return Action(name) if name in list(Action) else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _filter(query: QueryDict) -> QueryDict:
    """The address without what belongs to one question or one page."""
    kept = query.copy()
    for name in _OURS:
        kept.pop(name, None)
    return kept

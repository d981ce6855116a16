"""Rehearsals: begin one, watch it, and see for each image what would have been different."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from routing.core.counted import counted
from routing.core.identifiers import identifier_in
from routing.forms.queue_filter import QueueFilter
from routing.models import QueueItem, Rehearsal, RehearsedImage
from routing.people.sight import Sight
from routing.people.viewed import note_view
from routing.showing.service import seen_lately
from routing.trials.rehearsal import HOW_MANY, MOST_IMAGES, Unbegun, begin, begin_shadow, end, newest, received_of
from routing.views.request import HtmxHttpRequest, authors_only, draw
from scripts_app.core.collection import Collection
from scripts_app.core.comparison import Effect
from scripts_app.core.script_content import fingerprint
from scripts_app.draft import working
from scripts_app.views.dry_run import untriable

_PAGE = 50


@require_GET
@authors_only
def rehearsals(request: HtmxHttpRequest) -> HttpResponse:
    found = Rehearsal.objects.defer("content", "items")
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "how_many": HOW_MANY, "working": working(), "nobody_works": _nobody_works()}
    return draw(request, "routing/rehearsals.html", "routing/_rehearsals.html", context)


@require_GET
@authors_only
def rehearsal_ask(request: HtmxHttpRequest) -> HttpResponse:
    """How many images a filter of the queue stands for, before anything is begun."""
    return _question(request, QueueFilter(request.GET, sight=Sight.of(request.user)))


def _question(request: HtmxHttpRequest, chosen: QueueFilter, status: int = 200) -> HttpResponse:
    ids = received_of(chosen.meant(QueueItem.objects.all()))
    context = {
        "count": len(ids),
        "most": MOST_IMAGES,
        "query": request.GET.urlencode(),
        "working": working(),
        "left_out": chosen.left_out,
    }
    return draw(request, "routing/rehearsal_ask.html", "routing/rehearsal_ask.html", context, status)


@require_POST
@authors_only
def rehearsal_begin(request: HtmxHttpRequest) -> HttpResponse:
    """Over the last N images, one item, or what a filter of the queue (in the address) finds."""
    chosen = QueueFilter(request.GET, sight=Sight.of(request.user))
    if request.POST.get("scope") == "matching" and chosen.errors:
        return _question(request, chosen, status=400)
    return _begun(request, lambda content: begin(content, *_chosen(request, chosen), request.user.get_username()))


@require_POST
@authors_only
def rehearsal_shadow(request: HtmxHttpRequest) -> HttpResponse:
    return _begun(request, lambda content: begin_shadow(content, request.user.get_username()))


def _begun(request: HtmxHttpRequest, beginning: Callable[[Collection], Rehearsal]) -> HttpResponse:
    content = working().content
    try:
        if wrong := untriable(content):
            raise Unbegun(wrong)
        made = beginning(content)
    except Unbegun as error:
        messages.error(request, f"Not begun: {error}.")
        return redirect("rehearsals")
    return redirect("rehearsal", made.pk)


def _chosen(request: HtmxHttpRequest, chosen: QueueFilter) -> tuple[list[int], str]:
    """The images, and in words which they are."""
    scope, number = request.POST.get("scope", ""), identifier_in(request.POST.get("number")) or 0
    if scope == "item":
        return received_of(QueueItem.objects.filter(pk=number)), f"item {number}"
    if scope == "matching":
        # Not the filter's values, for they may name a patient.
        asked = ", ".join(name for name in chosen.fields if chosen.value(name)) or "no filter"
        return received_of(chosen.meant(QueueItem.objects.all())), f"images of the queue (filter: {asked})"
    count = min(max(number, 1), MOST_IMAGES)
    ids = newest(count)
    return ids, f"the last {counted(len(ids), 'image')}"


@require_GET
@authors_only
def rehearsal(request: HtmxHttpRequest, rehearsal_id: int) -> HttpResponse:
    found = get_object_or_404(Rehearsal, pk=rehearsal_id)
    effect = request.GET.get("effect", "")
    images = RehearsedImage.objects.filter(rehearsal=found).select_related("item").defer("item__recipe")
    if effect in list(Effect):
        images = images.filter(effect=effect)
    note_view(request.user, "rehearsal", rehearsal_id)
    now = working()
    context: dict[str, Any] = {
        "rehearsal": found,
        "shadow": found.kind == Rehearsal.Kind.SHADOW,
        "page": Paginator(images, _PAGE).get_page(request.GET.get("page")),
        "effect": effect if effect in list(Effect) else "",
        "is_draft": bool(now.counter) and fingerprint(now.content) == found.fingerprint,
        "sight": Sight.of(request.user),
        "nobody_works": found.open and _nobody_works(),
    }
    return draw(request, "routing/rehearsal.html", "routing/_rehearsal.html", context)


@require_GET
@authors_only
def rehearsed_image(request: HtmxHttpRequest, rehearsal_id: int, item_id: int) -> HttpResponse:
    """One image: what happened, what the scripts that ran would do today, and the draft."""
    found = get_object_or_404(
        RehearsedImage.objects.select_related("item", "rehearsal").defer("rehearsal__items", "item__recipe"),
        rehearsal_id=rehearsal_id,
        item_id=item_id,
    )
    note_view(request.user, "item", item_id)
    context = {"image": found, "told": found.told, "item": found.item, "sight": Sight.of(request.user)}
    return draw(request, "routing/rehearsed_image.html", "routing/rehearsed_image.html", context)


@require_POST
@authors_only
def rehearsal_end(request: HtmxHttpRequest, rehearsal_id: int) -> HttpResponse:
    if end(rehearsal_id, request.user.get_username()):
        messages.success(request, "Ended; what it has tried stays here.")
    else:
        messages.info(request, "It had ended already; what it has tried stays here.")
    return redirect("rehearsal", rehearsal_id)


def _nobody_works() -> bool:
    return not seen_lately("rehearse")

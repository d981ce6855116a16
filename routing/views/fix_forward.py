"""From a failed item to the script that failed: that version's text, that image, and the failing line."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from routing.audit.log import audit
from routing.models import QueueItem
from routing.people.sight import Sight
from routing.trials.fixing import Fixing, Place, excerpt, failure_of, forget, keep, of_session, place_of, reason_of
from routing.trials.workshop import queue_sample
from routing.views.request import HtmxHttpRequest, authors_only
from scripts_app.core.collection import as_text, entry_of
from scripts_app.draft import mark_of, working
from scripts_app.entry_form import EntryForm
from scripts_app.outside import NoSample
from scripts_app.side_by_side import side_by_side
from scripts_app.trying.samples import Sample, choose
from scripts_app.views.entries import draw_entry
from scripts_app.views.libraries import draw_library


@require_POST
@authors_only
def fix_begin(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    """Take the item's image for dry runs, and go to the script; ``entry`` says which error, else the worst."""
    item = get_object_or_404(QueueItem, pk=item_id)
    number = request.POST.get("entry", "")
    fixing = failure_of(item, int(number) if number.isascii() and number.isdecimal() and len(number) < 9 else None)
    if fixing is None:
        messages.warning(request, "No script went wrong for this item.")
        return redirect("queue_item", item_id)
    keep(request.session, fixing)
    _take_image(request, fixing)
    return redirect("fix")


def _take_image(request: HtmxHttpRequest, fixing: Fixing) -> None:
    if not Sight.of(request.user).full:
        messages.info(request, "Its image is not taken for dry runs: that needs the right to see patient data.")
        return
    try:
        found = queue_sample(fixing.item)
    except NoSample as error:
        messages.warning(request, f"Its image cannot be tried: {error}.")
        return
    choose(
        request.session, Sample("item", str(fixing.item), found.name, found.source_ae_title, found.destination_ae_title)
    )
    audit(request.user.get_username(), "take image for dry runs", found.name)


@require_GET
@authors_only
def fix(request: HtmxHttpRequest) -> HttpResponse:
    """The editor with the text that failed."""
    fixing = of_session(request.session)
    draft = working().content
    place = place_of(fixing, draft) if fixing else None
    if fixing is None or place is None:
        if fixing is not None:
            messages.info(request, "Nothing tells which entry it was: a dry run of the image will.")
        return redirect("scripts")
    shown = {"fixing": fixing, "excerpt": excerpt(place.source, fixing.line), "why": _why(request, fixing)}
    return _library(request, place, draft, shown) if place.library else _entry(request, place, draft, shown)


def _why(request: HtmxHttpRequest, fixing: Fixing) -> str:
    return Sight.of(request.user).by_script(reason_of(fixing))


def _library(request: HttpRequest, place: Place, draft: dict[str, Any], shown: dict[str, Any]) -> HttpResponse:
    now = draft["libraries"].get(place.library)
    lines = None if now in (None, place.source) else side_by_side(now, place.source)
    failed = {**shown, "lines": lines, "gone": now is None}
    action = reverse("script_library", args=[place.library])
    # A file that is gone is made anew by saving; its form needs no other address.
    return draw_library(request, place.library, place.source, mark_of(now), action=action, failed=failed)


def _entry(request: HttpRequest, place: Place, draft: dict[str, Any], shown: dict[str, Any]) -> HttpResponse:
    now = entry_of(draft, place.key) if place.key else None
    form = EntryForm.of_entry(place.entry)
    was, theirs = as_text(form.entry("")), as_text({**now, "key": ""}) if now else ""
    lines = None if now is None or was == theirs else side_by_side(theirs, was)
    failed = {**shown, "lines": lines, "gone": now is None}
    action = reverse("script_entry", args=[place.key]) if now else reverse("script_entry_new")
    return draw_entry(request, place.key if now else None, form, mark_of(now), action=action, failed=failed)


@require_POST
@authors_only
def fix_end(request: HttpRequest) -> HttpResponse:
    """The person has done what there was to do, or will not."""
    forget(request.session)
    return redirect("scripts")

"""AE titles while somebody writes one: of thousands of nodes a page holds none, and asks for some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from scripts_app.core.nearest import did_you_mean
from scripts_app.entry_form import EntryForm
from scripts_app.outside import outside
from scripts_app.views.request import MOST_CHOICES, editors_only, readers_only, trial_titles


@require_GET
@readers_only
def script_titles(request: HttpRequest, kind: str) -> HttpResponse:
    """Options for what has been written so far, in the one field that asks: those that begin so come first."""
    known = _known(kind)
    text = str(next(iter(request.GET.values()), "")).strip().casefold()
    met = [title for title in known if text in title.casefold()]
    met.sort(key=lambda title: not title.casefold().startswith(text))
    context = {"titles": {title: known[title] for title in met[:MOST_CHOICES]}}
    return render(request, "scripts_app/_title_options.html", context)


def _known(kind: str) -> Mapping[str, str]:
    """By title what is said beside it."""
    if kind == "called":
        return outside.called_titles()
    found: Iterable[str]
    if kind == "node":
        found = outside.ae_titles()
    elif kind == "destination":
        found = trial_titles()
    else:
        raise Http404
    return dict.fromkeys(found, "")


@require_POST
@editors_only
def script_entry_titles(request: HttpRequest) -> HttpResponse:
    """The destinations of an entry while it is written: what stands in the field is ticked if it is one."""
    form = EntryForm.of_post(request.POST)
    return render(request, "scripts_app/_entry_titles.html", {"form": form, "added": True, **beside_titles(form)})


def beside_titles(form: EntryForm) -> dict[str, Any]:
    """What the form offers: all titles, or only those that are chosen and a field for others where there are many."""
    known: Sequence[str] = outside.ae_titles()
    nodes = set(known)
    unknown = [title for title in form.ae_titles if title not in nodes]
    if len(known) <= MOST_CHOICES:
        # Of many only the first are in sight.
        return {"boxes": sorted([*known, *unknown], key=lambda title: title not in form.ae_titles)}
    wrong = unknown[-1] if unknown and unknown[-1] == form.written_title else ""
    return {
        "boxes": [title for title in form.ae_titles if title != wrong],
        "suggested": True,
        "wrong_title": wrong,
        "fault": f"{wrong!r} is no Storage node{did_you_mean(wrong, known)}." if wrong else "",
    }

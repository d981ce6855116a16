"""The entries in their order, and the page of one entry."""

from __future__ import annotations

import re
import secrets
from typing import Any, Literal

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from scripts_app.activation import last_activation, stored_collection
from scripts_app.core.collection import Collection, as_text, entry_of, title_of
from scripts_app.core.library_tree import library_tree
from scripts_app.draft import PartMoved, change, check_mark, mark_of, working
from scripts_app.entry_form import EntryForm, Row, posted_rows
from scripts_app.entry_list import changed_libraries, in_order, listed
from scripts_app.entry_search import EntrySearch, entry_page, page_of
from scripts_app.models import LuaEntry
from scripts_app.outside import outside
from scripts_app.side_by_side import side_by_side
from scripts_app.views.request import (
    EDIT,
    actor,
    beside_editor,
    draw,
    editors_only,
    in_draft,
    not_removed,
    readers_only,
    user_of,
)
from scripts_app.views.titles import beside_titles

EXAMPLE = "-- Every image passes here: read it with dataset:Get('Modality'), send copies with route:Add('AE_TITLE').\n"


@require_GET
@readers_only
def scripts(request: HttpRequest) -> HttpResponse:
    htmx = getattr(request, "htmx", None)
    # Going back in the browser asks for the whole page, though htmx does the asking.
    return _list(request, fragment=bool(htmx and not htmx.history_restore_request))


def _list(request: HttpRequest, fragment: bool = False, moved: str = "") -> HttpResponse:
    now = working() if user_of(request).has_perm(EDIT) else None
    content = now.content if now else stored_collection()
    titles = outside.called_titles()
    form = EntrySearch(request.GET, titles)
    entries = in_order(content)
    page = entry_page(form.found(entries), request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": list(listed(page, now, titles, form.caller)),
        "total": len(entries),
        "titles": titles,
        "called": form.caller,
        "tree": library_tree(content),
        "changed": changed_libraries(now) if now else (),
        "last": last_activation(),
        "moved": moved,
    }
    return draw(request, "_scripts.html" if fragment else "scripts.html", context, now=now)


@require_http_methods(["GET", "POST"])
@editors_only
def script_entry_new(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _save(request, None)
    return draw_entry(request, None, EntryForm(script=EXAMPLE), "")


@require_http_methods(["GET", "POST"])
@editors_only
def script_entry(request: HttpRequest, key: str) -> HttpResponse:
    if request.method == "POST":
        return _save(request, key)
    entry = entry_of(working().content, key)
    if entry is None:
        raise Http404
    return draw_entry(request, key, EntryForm.of_entry(entry), mark_of(entry))


def draw_entry(
    request: HttpRequest, key: str | None, form: EntryForm, mark: str, status: int = 200, **more: Any
) -> HttpResponse:
    now = working()
    context = {
        "form": form,
        "key": key,
        "mark": mark,
        "new_key": "" if key else _new_key(request),
        "title": title_of(form.entry("")) if key else "New entry",
        "libraries": sorted(now.content["libraries"]),
        "on_error": LuaEntry.OnError.choices,
        **beside_titles(form),
        **beside_editor(request, form.ae_titles),
        **more,
    }
    return draw(request, "entry.html", context, status, now)


def _new_key(request: HttpRequest) -> str:
    """What the page of a new entry calls it: after Back, or when the answer was lost, it saves no second one."""
    posted = request.POST.get("new_key", "")
    return posted if re.fullmatch("new-[0-9a-f]{12}", posted) else f"new-{secrets.token_hex(6)}"


def _save(request: HttpRequest, key: str | None) -> HttpResponse:
    form, mark = EntryForm.of_post(request.POST), request.POST.get("mark", "")
    if not form.check(working().content["libraries"], outside.ae_titles()):
        return draw_entry(request, key, form, mark, 422)
    entry = form.entry(key or _new_key(request))
    again = False

    def put(content: Collection) -> None:
        nonlocal again
        theirs = entry_of(content, entry["key"])
        if theirs == entry:
            return
        check_mark(theirs, mark)
        if theirs is None:
            again = key is not None
            content["entries"].append(entry)
        else:
            content["entries"][content["entries"].index(theirs)] = entry

    try:
        change(actor(request), put)
    except PartMoved as moved:
        theirs = as_text(moved.theirs) if moved.theirs else ""
        lines, action = side_by_side(theirs, as_text(entry)), reverse("script_entry", args=[entry["key"]])
        more = {"lines": lines, "gone": not moved.theirs, "last": True, "action": action}
        return draw_entry(request, entry["key"], form, mark_of(moved.theirs), 409, **more)
    in_draft(request, f"“{title_of(entry)}” is saved")
    if again:
        messages.warning(request, "It had been removed, so it is the last entry now: move it to where it is to run.")
    return redirect("script_entry", entry["key"])


@require_POST
@editors_only
def script_entry_move(request: HttpRequest, key: str, direction: Literal["up", "down"]) -> HttpResponse:
    def move(content: Collection) -> None:
        place = content["entries"].index(_found(content, key))
        _put(content, key, place + (1 if direction == "down" else -1))

    change(actor(request), move)
    return _after(request, key)


@require_POST
@editors_only
def script_entry_place(request: HttpRequest, key: str) -> HttpResponse:
    """Move to ``place``, counted from 1 among all entries; one beyond the end means the end."""
    written = request.POST.get("place", "").strip()
    if not written.isdecimal() or len(written) > 6 or not int(written):
        return HttpResponseBadRequest("place: a number from 1")
    change(actor(request), lambda content: _put(content, key, int(written) - 1))
    return _after(request, key)


def _put(content: Collection, key: str, place: int) -> None:
    entries = content["entries"]
    entry = _found(content, key)
    entries.remove(entry)
    entries.insert(max(place, 0), entry)


@require_POST
@editors_only
def script_entry_toggle(request: HttpRequest, key: str) -> HttpResponse:
    """To what the button said: somebody else may have pressed it since the list was drawn."""

    def switch(content: Collection) -> None:
        _found(content, key)["enabled"] = request.POST.get("enabled") == "on"

    change(actor(request), switch)
    return _after(request, key)


@require_POST
@editors_only
def script_entry_delete(request: HttpRequest, key: str) -> HttpResponse:
    """As the person has seen it: what somebody else has written meanwhile would be gone, for a draft has no history."""
    titles: list[str] = []

    def delete(content: Collection) -> None:
        entry = _found(content, key)
        titles.append(title_of(entry))
        check_mark(entry, request.POST.get("mark", ""))
        content["entries"].remove(entry)

    try:
        change(actor(request), delete)
    except PartMoved:
        not_removed(request, f"“{titles[0]}”")
        return redirect("script_entry", key)
    in_draft(request, f"“{titles[0]}” is removed")
    return redirect("scripts")


def _found(content: Collection, key: str) -> dict[str, Any]:
    entry = entry_of(content, key)
    if entry is None:
        raise Http404
    return entry


def _after(request: HttpRequest, key: str) -> HttpResponse:
    """Back to what was searched for; without a search to the page on which the entry stands now."""
    entries = working().content["entries"]
    place = next((place for place, entry in enumerate(entries, start=1) if entry["key"] == key), 1)
    shown = request.GET.copy()
    if not shown.get("q"):
        shown.pop("page", None)
        if (page := page_of(place)) > 1:
            shown["page"] = str(page)
    address = reverse("scripts", query=shown)
    if not getattr(request, "htmx", False):
        return redirect(f"{address}#entry-{key}")
    # Its addresses, too, are those of the page that is drawn.
    request.GET = QueryDict(shown.urlencode())
    answer = _list(request, fragment=True, moved=f"{title_of(entries[place - 1])}: {place} of {len(entries)}")
    answer["HX-Replace-Url"] = address
    return answer


@require_POST
@editors_only
def script_condition(request: HttpRequest) -> HttpResponse:
    """What is wrong or surprising with one condition while it is being written; with ``?row=new`` an empty row."""
    rows = posted_rows(request.POST)
    if request.GET.get("row") == "new":
        return render(request, "scripts_app/_condition.html", {"row": Row()})
    return render(request, "scripts_app/_condition_words.html", {"row": rows[0] if rows else Row()})

"""The library files: one page for each."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from scripts_app.core.collection import Collection
from scripts_app.core.library_path import IllegalPath, checked_path
from scripts_app.core.library_tree import library_tree, users_by_path
from scripts_app.draft import PartMoved, change, check_mark, mark_of, working
from scripts_app.entry_list import changed_libraries
from scripts_app.models import unix_lines
from scripts_app.side_by_side import side_by_side
from scripts_app.views.request import actor, beside_editor, draw, editors_only, in_draft, not_removed


@require_http_methods(["GET", "POST"])
@editors_only
def script_library_new(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return draw_library(request, "", "", "", new=True)
    written, source = request.POST.get("path", "").strip(), unix_lines(request.POST.get("source", ""))
    try:
        path = checked_path(written)
    except IllegalPath as error:
        return draw_library(request, written, source, "", 422, new=True, error=str(error))
    if path in working().content["libraries"]:
        return draw_library(request, written, source, "", 422, new=True, error=f"{path} is there already")
    return _save(request, path, source, "")


@require_http_methods(["GET", "POST"])
@editors_only
def script_library(request: HttpRequest, path: str) -> HttpResponse:
    if request.method == "POST":
        return _save(request, path, unix_lines(request.POST.get("source", "")), request.POST.get("mark", ""))
    source = working().content["libraries"].get(path)
    if source is None:
        raise Http404
    return draw_library(request, path, source, mark_of(source))


def draw_library(
    request: HttpRequest, path: str, source: str, mark: str, status: int = 200, **more: Any
) -> HttpResponse:
    now = working()
    context = {
        "path": path,
        "source": source,
        "mark": mark,
        "tree": library_tree(now.content),
        "changed": changed_libraries(now),
        **beside_editor(request),
        **more,
    }
    return draw(request, "library.html", context, status, now)


def _save(request: HttpRequest, path: str, source: str, mark: str) -> HttpResponse:
    def put(content: Collection) -> None:
        check_mark(content["libraries"].get(path), mark)
        content["libraries"][path] = source

    try:
        change(actor(request), put)
    except PartMoved as moved:
        lines = side_by_side(moved.theirs or "", source)
        gone = moved.theirs is None
        return draw_library(request, path, source, mark_of(moved.theirs), 409, lines=lines, gone=gone)
    in_draft(request, f"{path} is saved")
    return redirect("script_library", path)


@require_POST
@editors_only
def script_library_delete(request: HttpRequest, path: str) -> HttpResponse:
    content = working().content
    if path not in content["libraries"]:
        raise Http404
    if users := users_by_path(content).get(path):
        messages.error(request, f"{path} stays: {', '.join(user.title for user in users)} would miss it.")
        return redirect("script_library", path)

    def delete(content: Collection) -> None:
        check_mark(content["libraries"].get(path), request.POST.get("mark", ""))
        content["libraries"].pop(path, None)

    try:
        change(actor(request), delete)
    except PartMoved:
        not_removed(request, path)
        return redirect("script_library", path)
    in_draft(request, f"{path} is removed")
    return redirect("scripts")

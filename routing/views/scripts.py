"""The Lua entries in the order in which they run, and the library files; read only."""

from typing import cast

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from routing.views.request import HtmxHttpRequest
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary, ScriptVersion


@require_GET
@permission_required("scripts_app.view_luaentry", raise_exception=True)
def scripts(request: HttpRequest) -> HttpResponse:
    entries = LuaEntry.objects.select_related("library")
    conditions: dict[int, list[EntryCondition]] = {}
    for condition in EntryCondition.objects.filter(parent=None).prefetch_related("sequence_items"):
        conditions.setdefault(condition.entry_id, []).append(condition)
    context = {
        "entries": [(entry, conditions.get(entry.pk, [])) for entry in entries],
        "libraries": LuaLibrary.objects.all(),
        "version": ScriptVersion.objects.first(),
    }
    return render(cast(HtmxHttpRequest, request), "scripts_app/scripts.html", context)

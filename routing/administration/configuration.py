"""Configuration files in the browser: the directory as a .zip file, and back with a plan before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from routing.audit.log import audit
from routing.configuration.agreement import PlanMoved
from routing.configuration.apply import import_directory
from routing.configuration.archive import MOST_PACKED, MOST_UNPACKED, pack, unpack
from routing.configuration.export import export_files
from routing.configuration.plan import Plan
from routing.configuration.uploads import KEPT_MINUTES, NotKept, forget, keep, kept, sweep
from routing.models import KnownSender, Node
from scripts_app.configuration.problem import ConfigurationError
from scripts_app.models import EntryCondition, LuaEntry, LuaLibrary, ScriptDraft

MOST_SHOWN = 200
"""Mistakes on one page; whoever has more than these has one that repeats."""
TABLES = (Node, KnownSender, LuaEntry, EntryCondition, LuaLibrary)
NEEDED = [
    f"{table._meta.app_label}.{action}_{table._meta.model_name}"
    for table in TABLES
    for action in ("add", "change", "delete")
]
"""What an import may do to these tables."""


class ArchiveForm(forms.Form):
    archive = forms.FileField(
        label="Configuration (.zip)",
        help_text=f"nodes.yml, senders.yml, lua.yml and .lua files; at most {MOST_PACKED >> 20} MiB, "
        f"unpacked {MOST_UNPACKED >> 20} MiB",
        widget=forms.FileInput(attrs={"accept": ".zip"}),
    )

    def clean_archive(self) -> UploadedFile[Any]:
        archive: UploadedFile[Any] = self.cleaned_data["archive"]
        if (archive.size or 0) > MOST_PACKED:
            raise forms.ValidationError(f"The file is larger than {MOST_PACKED >> 20} MiB.")
        return archive


class Agreement(forms.Form):
    """What the page of a plan sends back."""

    token = forms.CharField(max_length=32)
    mark = forms.CharField(max_length=64)
    name = forms.CharField(max_length=100)


@require_GET
def configuration(request: HttpRequest) -> HttpResponse:
    sweep()
    return _page(request, form=ArchiveForm())


@require_GET
def configuration_export(request: HttpRequest) -> HttpResponse:
    """The same files as ``export_config`` writes."""
    content = pack(export_files())
    audit(request.user.get_username(), "export configuration", "by Django admin")
    headers = {"Content-Disposition": 'attachment; filename="configuration.zip"'}
    return HttpResponse(content, content_type="application/zip", headers=headers)


@require_POST
def configuration_plan(request: HttpRequest) -> HttpResponse:
    """What the upload would change, or all its mistakes; nothing is applied."""
    form = ArchiveForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    archive: UploadedFile[Any] = form.cleaned_data["archive"]
    content, name = archive.read(), (archive.name or "upload")[-100:]
    try:
        with TemporaryDirectory() as folder:
            unpack(content, Path(folder))
            plan = import_directory(Path(folder), actor="", only_plan=True)
    except ConfigurationError as error:
        return _mistakes(request, name, error)
    token = keep(content, _owner(request)) if plan.steps else ""
    return _page(request, form=ArchiveForm(), name=name, token=token, **_told(plan))


@require_POST
def configuration_apply(request: HttpRequest) -> HttpResponse:
    """Do what the page has shown; where that is no longer what would be done, show it again instead."""
    form = Agreement(request.POST)
    if not form.is_valid():
        return _gone(request)
    token, name, agreed = form.cleaned_data["token"], form.cleaned_data["name"], form.cleaned_data["mark"]
    actor = request.user.get_username()
    try:
        with TemporaryDirectory() as folder:
            unpack(kept(token, _owner(request)), Path(folder))
            plan = import_directory(Path(folder), actor=actor, name=name, agreed=agreed)
    except NotKept:
        return _gone(request)
    except ConfigurationError as error:
        return _mistakes(request, name, error)
    except PlanMoved as moved:
        told = {"moved": True, "token": token, **_told(moved.plan)}
        return _page(request, form=ArchiveForm(), name=name, status=409, **told)
    forget(_owner(request))
    messages.success(request, f"Applied {name}: {plan.summary()}.")
    return redirect("configuration")


def _told(plan: Plan) -> dict[str, Any]:
    # A draft stays as it is, but its author has to bring these changes into it before it can become active.
    scripts = any(step.what.startswith(("entry ", "file ")) for step in plan.steps)
    return {"plan": plan, "draft": ScriptDraft.objects.first() if scripts else None}


def _mistakes(request: HttpRequest, name: str, error: ConfigurationError) -> HttpResponse:
    problems = error.problems
    told = {"problems": problems[:MOST_SHOWN], "count": len(problems), "more": max(0, len(problems) - MOST_SHOWN)}
    return _page(request, form=ArchiveForm(), name=name, status=422, **told)


def _gone(request: HttpRequest) -> HttpResponse:
    text = f"Nothing was applied: the upload has been applied or replaced, or is older than {KEPT_MINUTES} minutes."
    messages.error(request, f"{text} Choose the file again.")
    return redirect("configuration")


def _page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    context |= {**admin.site.each_context(request), "title": "Configuration files", "minutes": KEPT_MINUTES}
    return render(request, "admin/configuration.html", context, status=status)


def _owner(request: HttpRequest) -> str:
    return str(request.user.pk)


def _guarded(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., Any]:
    """For staff with every right that an import makes use of."""
    return admin.site.admin_view(permission_required(NEEDED, raise_exception=True)(view))


urlpatterns = [
    path("", _guarded(configuration), name="configuration"),
    path("export/", _guarded(configuration_export), name="configuration_export"),
    path("plan/", _guarded(configuration_plan), name="configuration_plan"),
    path("apply/", _guarded(configuration_apply), name="configuration_apply"),
]

"""Try what stands in the editor on an image, without storing or sending anything."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from scripts_app.collection_check import faults
from scripts_app.core.collection import Collection, entry_of
from scripts_app.draft import working
from scripts_app.dry_run_process import Unanswered, ask
from scripts_app.entry_form import EntryForm
from scripts_app.models import unix_lines
from scripts_app.outside import NoSample, outside
from scripts_app.samples import MOST_BYTES, NoDicom, Sample, choose, file_of, of_session, upload
from scripts_app.views.request import actor, draw, editors_only, user_of

PHI = "routing.view_phi"


@require_POST
@editors_only
def script_dry_run(request: HttpRequest) -> HttpResponse:
    """Everything in the draft, with what stands in the editor in its place."""
    begun = time.monotonic()
    content = working().content
    here = put_edited(content, request)
    told = _tried(request, content)
    if "result" in told:
        told["took"] = round((time.monotonic() - begun) * 1000)
        entries = [entry for entry in content["entries"] if entry["enabled"]]
        told["rows"] = [
            (number, entry["key"] == here, report)
            for number, (entry, report) in enumerate(zip(entries, told["result"]["entries"], strict=False), start=1)
        ]
    if getattr(request, "htmx", False):
        return render(request, "scripts_app/_dry_run.html", told)
    return draw(request, "dry_run.html", told)


def put_edited(content: Collection, request: HttpRequest) -> str:
    """Put what is being edited into its place, enabled; answers the entry's key, empty for a library."""
    if path := request.POST.get("path", "").strip():
        content["libraries"][path] = unix_lines(request.POST.get("source", ""))
        return ""
    key = request.POST.get("key") or "new"
    entry = {**EntryForm.of_post(request.POST).entry(key), "enabled": True}
    stored = entry_of(content, key)
    if stored is None:
        content["entries"].append(entry)
    else:
        content["entries"][content["entries"].index(stored)] = entry
    return key


def _tried(request: HttpRequest, content: Collection) -> dict[str, Any]:
    sample = of_session(request.session)
    if wrong := untriable(content):
        return {"refused": wrong}
    if sample is None:
        return {"refused": "choose an image first: upload one, or take a synthetic one"}
    sees_all = user_of(request).has_perm(PHI)
    if sample.kind == "item" and not sees_all:
        return {"refused": "images of the queue may be tried by those who may see patient data"}
    source, destination = titles_of(request, sample)
    # With the queue a script could print the patients in it.
    question = {"content": content, "source": source, "destination": destination, "with_queue": sees_all}
    try:
        with file_of(sample) as file:
            return {**ask({**question, "file": str(file)}), "sample": sample, "asked": question}
    except (NoSample, Unanswered) as error:
        return {"refused": str(error)}


def untriable(content: Collection) -> str:
    """What keeps these scripts from being tried at all; one that does not compile is a result, and no reason."""
    enabled = [entry for entry in content["entries"] if entry["enabled"]]
    wrong = [fault for fault in faults({**content, "entries": enabled}, outside.ae_titles()) if fault.line is None]
    return "; ".join(map(str, wrong))


def titles_of(request: HttpRequest, sample: Sample) -> tuple[str, str]:
    """Sender and destination as the form says, else those of the image."""
    destination = request.POST.get("destination", "").strip() or sample.destination_ae_title
    source = request.POST.get("source_ae_title", "").strip() or sample.source_ae_title
    return source, destination or next(iter(outside.ae_titles()), "")


@require_POST
@editors_only
def script_sample(request: HttpRequest) -> HttpResponse:
    """Choose the image: a file, an item of the queue, or a synthetic one."""
    error = ""
    try:
        choose(request.session, _chosen(request))
    except (NoDicom, NoSample) as problem:
        error = str(problem)
    here = request.POST.get("next", "")
    whole_page = not getattr(request, "htmx", False)
    if whole_page and not error and url_has_allowed_host_and_scheme(here, {request.get_host()}):
        return redirect(here)
    context = {"sample": of_session(request.session), "bundled": outside.bundled(), "error": error, "here": here}
    return render(request, "scripts_app/_sample.html", context, status=422 if error else 200)


def _chosen(request: HttpRequest) -> Sample:
    if file := request.FILES.get("file"):
        if (file.size or 0) > MOST_BYTES:
            raise NoDicom(f"larger than {MOST_BYTES >> 20} MiB")
        return upload(file.name or "upload", file.chunks())
    item = request.POST.get("item", "").strip()
    if item:
        if not user_of(request).has_perms([PHI, "routing.view_queueitem"]):
            raise NoSample("images of the queue may be tried by those who may see patient data")
        if not (item.isdecimal() and len(item) < 19) or outside.queue_sample is None:
            raise NoSample(f"{item!r} is no number of an item")
        found = outside.queue_sample(int(item))
        outside.audit(actor(request), "take image for dry runs", found.name)
        return Sample("item", item, found.name, found.source_ae_title, found.destination_ae_title)
    name = request.POST.get("bundled", "")
    if name not in outside.bundled():
        raise NoSample("choose a file, an item or a synthetic image")
    return Sample("bundled", name, f"synthetic {name}")

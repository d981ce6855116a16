"""Choose the image that scripts are tried on, look at it, and keep it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from scripts_app.outside import PHI, NoSample, outside
from scripts_app.trying.kept_samples import NotKept, keep_sample, told, visible_samples
from scripts_app.trying.samples import MOST_BYTES, NoDicom, Sample, choose, file_of, of_session, telling, upload
from scripts_app.views.dry_run import draw_picture
from scripts_app.views.request import actor, editors_only, sample_context, user_of, within

QUEUE = (PHI, "routing.view_queueitem")


@require_POST
@editors_only
def script_sample(request: HttpRequest) -> HttpResponse:
    """Choose the image: a file, a kept one, an item of the queue, or a synthetic one."""
    try:
        choose(request.session, _chosen(request))
    except (NoDicom, NoSample) as problem:
        return _again(request, error=str(problem))
    return _again(request)


def _again(request: HttpRequest, **more: Any) -> HttpResponse:
    """The choice as it is now; without JavaScript the page that it stands on."""
    here, error = request.POST.get("next", ""), more.get("error")
    whole_page = not getattr(request, "htmx", False)
    if whole_page and within(request, here):
        sample = of_session(request.session)
        if error:
            messages.error(request, f"Not taken: {error}.")
        else:
            messages.info(request, f"Dry runs use {sample.name if sample else 'it'} now: open an entry to try it.")
        return redirect(here)
    context = {**sample_context(request), "here": here, **more}
    return render(request, "scripts_app/_sample.html", context, status=422 if error else 200)


def _chosen(request: HttpRequest) -> Sample:
    if file := request.FILES.get("file"):
        if (file.size or 0) > MOST_BYTES:
            raise NoDicom(f"larger than {MOST_BYTES >> 20} MiB")
        return upload(file.name or "upload", file.chunks())
    if item := request.POST.get("item", "").strip():
        return _item(request, item)
    if kept := request.POST.get("kept", ""):
        return kept_sample(request, kept)
    name = request.POST.get("bundled", "")
    if name not in outside.bundled():
        raise NoSample("choose a file, an item or a synthetic image")
    return Sample("bundled", name, f"synthetic {name}")


def _item(request: HttpRequest, item: str) -> Sample:
    if not user_of(request).has_perms(QUEUE):
        raise NoSample("images of the queue may be tried by those who may see patient data")
    if not (item.isdecimal() and len(item) < 20) or outside.queue_sample is None:
        raise NoSample(f"{item!r} is no number of an item")
    found = outside.queue_sample(int(item))
    outside.audit(actor(request), "take image for dry runs", found.name)
    return Sample("item", item, found.name, found.source_ae_title, found.destination_ae_title)


def kept_sample(request: HttpRequest, number: str) -> Sample:
    """NoSample when there is none, or none for this person."""
    known = visible_samples(user_of(request).has_perm(PHI))
    kept = known.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 19 else None
    if kept is None:
        raise NoSample("there is no such sample")
    if not kept.deidentified:
        outside.audit(actor(request), "take image for dry runs", kept)
    return Sample("kept", str(kept.pk), kept.name, kept.source_ae_title, kept.destination_ae_title)


@require_POST
@editors_only
def script_sample_picture(request: HttpRequest) -> HttpResponse:
    """The chosen image as it is."""
    try:
        sample = of_session(request.session)
        if sample is None:
            raise NoSample("choose an image first")
        if telling(sample) and not user_of(request).has_perm(PHI):
            raise NoSample("images of patients are for those who may see patient data")
        with file_of(sample) as file:
            return draw_picture(request, file, "as received")
    except NoSample as error:
        return render(request, "scripts_app/_picture.html", {"refusal": f"No picture: {error}."}, status=422)


@require_POST
@editors_only
def script_sample_keep(request: HttpRequest) -> HttpResponse:
    """Keep the chosen image under a name, de-identified if wanted; nothing is kept unless somebody asks for it."""
    sees_all, sample = user_of(request).has_perm(PHI), of_session(request.session)
    deidentified = "deidentify" in request.POST
    try:
        if sample is None:
            raise NoSample("choose an image first")
        if telling(sample) and not sees_all:
            raise NoSample("images of patients are for those who may see patient data")
        if not deidentified and not sees_all:
            raise NotKept("without de-identification images are kept by those who may see patient data")
        if outside.copied is None:
            raise NotKept("nothing here can make the copy")
        with file_of(sample) as file:
            made = outside.copied(file, deidentified)
        name = request.POST.get("sample_name", "")
        kept = keep_sample(name, made, sample.source_ae_title, sample.destination_ae_title, actor(request))
    except (NoSample, NotKept) as problem:
        return _again(request, error=str(problem))
    outside.audit(actor(request), "keep sample", kept, origin=sample.name, **told(kept))
    choose(request.session, kept_sample(request, str(kept.pk)))
    return _again(request, kept=kept)

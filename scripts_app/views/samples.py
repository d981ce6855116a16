"""Choose the image that scripts are tried on, and look at it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from scripts_app.outside import NoSample, outside
from scripts_app.samples import MOST_BYTES, NoDicom, Sample, choose, file_of, of_session, upload
from scripts_app.views.dry_run import PHI, draw_picture
from scripts_app.views.request import actor, editors_only, user_of


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
        sample = of_session(request.session)
        messages.info(request, f"Dry runs use {sample.name if sample else 'it'} now: open an entry to try it.")
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


@require_POST
@editors_only
def script_sample_picture(request: HttpRequest) -> HttpResponse:
    """The chosen image as it is."""
    try:
        sample = of_session(request.session)
        if sample is None:
            raise NoSample("choose an image first")
        if sample.kind == "item" and not user_of(request).has_perm(PHI):
            raise NoSample("images of the queue are for those who may see patient data")
        with file_of(sample) as file:
            return draw_picture(request, file, "as received")
    except NoSample as error:
        return render(request, "scripts_app/_picture.html", {"refusal": f"No picture: {error}."}, status=422)

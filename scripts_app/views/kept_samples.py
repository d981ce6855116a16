"""The page of the kept images, and waiting for the next image that meets conditions."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from scripts_app.core.nearest import did_you_mean
from scripts_app.entry_form import Row, conditions_of, posted_rows, too_many_rows
from scripts_app.models import SampleCapture
from scripts_app.outside import PHI, NoSample, outside
from scripts_app.trying.kept_samples import NotKept, arm, told, visible_samples
from scripts_app.trying.samples import choose
from scripts_app.views.request import actor, draw, editors_only, trial_titles, user_of
from scripts_app.views.samples import kept_sample


@require_GET
@editors_only
def script_samples(request: HttpRequest) -> HttpResponse:
    """Also as the fragment that looks again while somebody waits."""
    return _draw(request)


def _draw(request: HttpRequest, status: int = 200, **more: object) -> HttpResponse:
    now = timezone.now()
    captures = [
        (capture, capture.sample is None and not capture.problem and capture.expires_at > now)
        for capture in SampleCapture.objects.select_related("sample").defer("sample__image")[:20]
    ]
    sees_all = user_of(request).has_perm(PHI)
    context = {
        # What somebody waits for may be a patient: others may not read it, either.
        "sees_all": sees_all,
        "samples": visible_samples(sees_all),
        "captures": captures,
        "waiting": any(waits for _, waits in captures),
        "rows": [Row()],
        "ae_titles": dict.fromkeys(outside.destinations()),
        **more,
    }
    fragment = getattr(request, "htmx", False)
    return draw(request, "_samples.html" if fragment else "samples.html", context, status)


@require_POST
@editors_only
def script_sample_use(request: HttpRequest, sample_id: int) -> HttpResponse:
    """Choose a kept image for the dry runs of this session."""
    try:
        choose(request.session, kept_sample(request, str(sample_id)))
    except NoSample as error:
        messages.error(request, f"Not taken: {error}.")
        return redirect("script_samples")
    messages.success(request, "Dry runs take this sample from now on.")
    return redirect("scripts")


@require_POST
@editors_only
def script_sample_delete(request: HttpRequest, sample_id: int) -> HttpResponse:
    sample = get_object_or_404(visible_samples(user_of(request).has_perm(PHI)), pk=sample_id)
    outside.audit(actor(request), "remove sample", sample, **told(sample))
    sample.delete()
    messages.success(request, f"The sample “{sample.name}” is removed.")
    return redirect("script_samples")


@require_POST
@editors_only
def script_capture(request: HttpRequest) -> HttpResponse:
    """Wait for the next image that meets the conditions; its copy becomes a sample."""
    rows, hours = posted_rows(request.POST), request.POST.get("hours", "")
    capture = SampleCapture(
        name=request.POST.get("name", "").strip()[:100],
        conditions=conditions_of(rows),
        source_ae_title=request.POST.get("source", "").strip()[:16],
        called_ae_title=request.POST.get("called", "").strip()[:16],
        deidentify="deidentify" in request.POST,
        created_by=actor(request),
    )
    try:
        if any(row.errors() for row in rows):
            raise NotKept("a condition is wrong")
        if too_many := too_many_rows(rows):
            raise NotKept(too_many)
        called, known = capture.called_ae_title, trial_titles()
        if called and called not in known:
            raise NotKept(f"{called!r} leads to no node{did_you_mean(called, known)}")
        if not capture.deidentify and not user_of(request).has_perm(PHI):
            raise NotKept("without de-identification images are for those who may see patient data")
        arm(capture, int(hours) if hours.isdecimal() and len(hours) < 6 else 1, outside.first_item_now())
    except NotKept as error:
        return _draw(request, 422, error=str(error), rows=rows or [Row()], asked=capture)
    detail = {"source": capture.source_ae_title, "called": capture.called_ae_title, "deidentify": capture.deidentify}
    outside.audit(actor(request), "wait for sample", capture, conditions=capture.conditions, **detail)
    return redirect("script_samples")


@require_POST
@editors_only
def script_capture_delete(request: HttpRequest, capture_id: int) -> HttpResponse:
    """Give up waiting, or forget that it was waited for; a sample that was taken stays."""
    capture = get_object_or_404(SampleCapture, pk=capture_id)
    outside.audit(actor(request), "give up waiting for sample", capture)
    capture.delete()
    return redirect("script_samples")

"""The draft before it counts, and what was active before: differences, activation, the way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from scripts_app.activation import activate, despite, last_activation, stored_collection
from scripts_app.collection_check import faults
from scripts_app.configuration.problem import sentence
from scripts_app.core.collection import Collection, Difference, addressed, differences, titles_gone, without_titles
from scripts_app.draft import BaseMoved, DraftMoved, activate_draft, discard, take_over, working
from scripts_app.models import Activation, ScriptDraft, ScriptTest, ScriptVersion
from scripts_app.outside import outside
from scripts_app.revision import hold
from scripts_app.side_by_side import Line, side_by_side
from scripts_app.trying.script_tests import Run, run_all, shown
from scripts_app.views.request import actor, draw, editors_only, readers_only, user_of

_MOVED = "Somebody else has changed the draft since you looked at it; look again."


@require_GET
@editors_only
def script_draft(request: HttpRequest) -> HttpResponse:
    return _review(request)


def _review(
    request: HttpRequest, status: int = 200, reason: str = "", error: str = "", failing: Sequence[Run] = ()
) -> HttpResponse:
    now = working()
    context = {
        "tables": tables(now.base, now.content),
        "faults": faults(now.content, outside.ae_titles()),
        "base_moved": now.counter and now.base != stored_collection(),
        "reason": reason,
        "error": error,
        "failing": [shown(run, user_of(request)) for run in failing],
        "tests": ScriptTest.objects.count(),
    }
    return draw(request, "draft.html", context, status, now)


def tables(old: Collection, new: Collection) -> list[tuple[Difference, list[Line]]]:
    return [(found, side_by_side(found.old, found.new)) for found in differences(old, new)]


@require_POST
@editors_only
def script_activate(request: HttpRequest) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()
    if not reason:
        return _review(request, 422, error="Say why: whoever looks for the cause of a change will read it.")
    now = working()
    if faults(now.content, outside.ae_titles()):
        return _review(request, 422, reason)
    failing = [run for run in run_all(now.content) if run.problems]
    if failing and "despite_tests" not in request.POST:
        return _review(request, 422, reason, failing=failing)
    tests = [run.test.name for run in failing]
    told = {"reason": reason, "despite failing tests": ", ".join(tests)} if tests else {"reason": reason}
    try:
        with transaction.atomic():
            made = activate_draft(_counter(request), actor(request), despite(reason, tests) if tests else reason)
            changes = [f"{found.kind}: {found.title}" for found in now.differences()]
            outside.audit(actor(request), "activate scripts", made.version, **told, changes=changes)
    except DraftMoved:
        return _review(request, 409, reason, _MOVED)
    except BaseMoved:
        return _review(request, 409, reason)
    messages.success(request, "Active: workers take the new scripts from the next image on.")
    return redirect("script_versions")


@require_POST
@editors_only
def script_discard(request: HttpRequest) -> HttpResponse:
    try:
        with transaction.atomic():
            discard(_counter(request))
            outside.audit(actor(request), "discard draft", "scripts")
    except DraftMoved:
        return _review(request, 409, error=_MOVED)
    messages.success(request, "The draft is gone; what runs is as it was.")
    return redirect("scripts")


@require_POST
@editors_only
def script_take_over(request: HttpRequest) -> HttpResponse:
    try:
        both = take_over(actor(request))
    except DraftMoved:
        return redirect("scripts")
    if both:
        names = ", ".join(found.title for found in both)
        messages.warning(
            request, f"Changed on both sides, yours stays in the draft: {names}. Compare before activating."
        )
    else:
        messages.success(request, "What became active meanwhile is in the draft, too.")
    return redirect("script_draft")


@require_GET
@readers_only
def script_versions(request: HttpRequest) -> HttpResponse:
    page = Paginator(Activation.objects.select_related("version").defer("content"), 50).get_page(
        request.GET.get("page")
    )
    return draw(request, "versions.html", {"page": page, "last": last_activation()})


@require_GET
@readers_only
def script_version(request: HttpRequest, activation_id: int) -> HttpResponse:
    """One activation: against the one before it, or with ``?against=active`` against what is active."""
    shown = get_object_or_404(Activation.objects.select_related("version"), pk=activation_id)
    before = Activation.objects.filter(pk__lt=shown.pk).first()
    with_active = request.GET.get("against") == "active"
    empty: Collection = {"entries": [], "libraries": {}}
    old = shown.content if with_active else before.content if before else empty
    new = stored_collection() if with_active else shown.content
    context: dict[str, Any] = {"shown": shown, "before": before, "with_active": with_active, "tables": tables(old, new)}
    context |= {"is_active": shown.content == stored_collection(), "last": last_activation()}
    if gone := titles_gone(addressed(shown.content, outside.called_titles()), outside.ae_titles()):
        _, shortened, left_out = without_titles(addressed(shown.content, outside.called_titles()), gone)
        context |= {"gone": gone, "shortened": shortened, "left_out": left_out}
    return draw(request, "version.html", context)


@require_GET
@readers_only
def script_version_of(request: HttpRequest, version_id: int) -> HttpResponse:
    """
    What an item names: the activation of that version which was in force ``at`` the moment when the scripts met it.

    ``at``: seconds of Unix time; without it the newest one.  The list, when the version was never activated here.
    """
    found, at = Activation.objects.filter(version_id=version_id).defer("content"), request.GET.get("at", "")
    made = found.first()
    if at.isdecimal() and len(at) < 11:
        # What somebody made active again since has the same text, and another reason.
        made = found.filter(at__lt=datetime.fromtimestamp(int(at) + 1, UTC)).first() or found.last()
    if made is None:
        get_object_or_404(ScriptVersion.objects.defer("content"), pk=version_id)
        messages.info(request, f"Version {version_id} has run, but nobody activated it here.")
        return redirect("script_versions")
    return redirect("script_version", made.pk)


@require_POST
@editors_only
def script_roll_back(request: HttpRequest, activation_id: int) -> HttpResponse:
    """
    Make what was active then active again, at once: no test is run; a draft under way stays, and notices.

    What it names of nodes that have been deleted since is left out when the person has said so.
    """
    wanted = get_object_or_404(Activation, pk=activation_id)
    reason = request.POST.get("reason", "").strip() or f"back to activation {wanted.pk}"
    content = addressed(wanted.content, outside.called_titles())
    gone = titles_gone(content, outside.ae_titles())
    told: dict[str, object] = {"reason": reason}
    if gone and request.POST.get("without") == ",".join(gone):
        content, told["shortened"], told["left out"] = without_titles(content, gone)
        reason, told["without"] = f"{reason} (without {', '.join(gone)})", gone
    wrong = faults(content, outside.ae_titles())
    if wrong:
        messages.error(request, f"Not activated: {sentence(str(wrong[0]))}")
        return redirect("script_version", wanted.pk)
    with transaction.atomic():
        hold()
        last = last_activation()
        if last is not None and request.POST.get("last", str(last.pk)) != str(last.pk):
            # What somebody has put right since this page was drawn would be undone without a word.
            messages.warning(
                request,
                f"Not activated: activation {last.pk} by {last.actor} came meanwhile. Press again if it is to go, too.",
            )
            return redirect("script_version", wanted.pk)
        made = activate(content, actor(request), reason)
        outside.audit(actor(request), "roll back scripts", made.version, **told, to=wanted.pk)
    untested = " The tests were not run." if ScriptTest.objects.exists() else ""
    waiting = " The draft is kept." if ScriptDraft.objects.exists() else ""
    messages.success(request, f"Activation {wanted.pk} is active again.{untested}{waiting}")
    return redirect("script_versions")


def _counter(request: HttpRequest) -> int:
    given = request.POST.get("counter", "")
    return int(given) if given.isdecimal() and len(given) < 18 else -1

"""The tests stored with the scripts: kept from a dry run, run over the draft, removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from scripts_app.draft import working
from scripts_app.models import ScriptTest
from scripts_app.outside import NoSample, outside
from scripts_app.samples import harmless
from scripts_app.script_tests import NotKept, keep, run_all, shown
from scripts_app.trial_form import WrongSetting
from scripts_app.views.dry_run import PHI, Untriable, put_edited, question_of, untriable
from scripts_app.views.request import actor, draw, editors_only, user_of


@require_GET
@editors_only
def script_tests(request: HttpRequest) -> HttpResponse:
    return draw(request, "tests.html", {"tests": ScriptTest.objects.defer("image")})


@require_POST
@editors_only
def script_tests_run(request: HttpRequest) -> HttpResponse:
    """Over the draft, or over what is active when there is none."""
    content = working().content
    if wrong := untriable(content):
        messages.error(request, f"No test was run: {wrong}.")
        return redirect("script_tests")
    runs = [shown(run, user_of(request)) for run in run_all(content)]
    tests = ScriptTest.objects.defer("image")
    return draw(request, "tests.html", {"tests": tests, "runs": runs, "failed": sum(bool(r.problems) for r in runs)})


@require_POST
@editors_only
def script_test_save(request: HttpRequest) -> HttpResponse:
    """Keep the dry run that was just shown; it is run anew, for nobody's browser is believed."""
    content = working().content
    put_edited(content, request)
    try:
        sample, question = question_of(request, content)
        if not harmless(sample) and not user_of(request).has_perm(PHI):
            raise NotKept("images that may tell of a patient are kept by those who may see patient data")
        test = keep(request.POST.get("test_name", "").strip(), sample, question, actor(request))
        outside.audit(actor(request), "keep script test", test)
        context = {"kept": test}
    except (NotKept, NoSample, WrongSetting, Untriable) as error:
        return render(request, "scripts_app/_test_kept.html", {"error": str(error)}, status=422)
    return render(request, "scripts_app/_test_kept.html", context)


@require_POST
@editors_only
def script_test_delete(request: HttpRequest, test_id: int) -> HttpResponse:
    test = get_object_or_404(ScriptTest.objects.defer("image"), pk=test_id)
    outside.audit(actor(request), "remove script test", test)
    test.delete()
    messages.success(request, f"The test “{test.name}” is removed.")
    return redirect("script_tests")

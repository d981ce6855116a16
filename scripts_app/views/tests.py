"""The tests stored with the scripts: kept from a dry run, run over the draft, removed."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from scripts_app.configuration.problem import sentence
from scripts_app.core.checks import KINDS, Check, checks_of, with_checks
from scripts_app.core.nearest import no_node
from scripts_app.draft import mark_of, working
from scripts_app.models import ScriptTest
from scripts_app.outside import PHI, NoSample, outside
from scripts_app.trying.samples import harmless
from scripts_app.trying.script_tests import NotKept, keep, run_all, shown, visible
from scripts_app.trying.trial_form import WrongSetting
from scripts_app.views.dry_run import Untriable, put_edited, question_of, untriable
from scripts_app.views.request import actor, draw, editors_only, user_of

MOST_CHECKS = 100


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
        messages.error(request, f"No test was run: {sentence(wrong)}")
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
        test = keep(request.POST.get("test_name", "").strip(), sample, question, user_of(request))
        outside.audit(actor(request), "keep script test", test)
        context = {"kept": test}
    except (NotKept, NoSample, WrongSetting, Untriable) as error:
        return render(request, "scripts_app/_test_kept.html", {"error": str(error)}, status=422)
    return render(request, "scripts_app/_test_kept.html", context)


@require_http_methods(["GET", "POST"])
@editors_only
def script_test(request: HttpRequest, test_id: int) -> HttpResponse:
    """What is expected of one test, to be changed."""
    test = get_object_or_404(ScriptTest.objects.defer("image"), pk=test_id)
    if not visible(test, user_of(request)):
        raise PermissionDenied
    checks, exactly, wrong = checks_of(test.expected), test.expected.get("exactly", True), []
    mark, now = mark_of(test.expected), _in_words(checks, exactly)
    known = dict.fromkeys([*outside.ae_titles(), *(check.destination for check in checks if check.destination)])
    if request.method == "POST":
        checks, exactly = _posted(request.POST), "exactly" in request.POST
        wrong = [problem for check in checks if (problem := check.problem())]
        gone = dict.fromkeys(check.destination for check in checks if check.destination not in {"", *known})
        wrong += [no_node(title, known) for title in gone]
        if not checks and not exactly:
            wrong = ["expect something: a test without expectations says nothing"]
        if len(checks) > MOST_CHECKS:
            wrong = [f"{len(checks)} lines: at most {MOST_CHECKS} are kept; remove some, or keep a second test"]
        if wrong:
            # A fresh one would hide from the next try what somebody else has made of it.
            mark = request.POST.get("mark", "")
        elif request.POST.get("mark") != mark:
            wrong = [f"somebody else has changed it meanwhile, to: {now}. Yours is below; save again to put it there"]
        if not wrong:
            test.expected = with_checks(test.expected, checks, exactly=exactly)
            test.save(update_fields=["expected"])
            outside.audit(actor(request), "change script test", test, exactly=exactly, checks=len(checks))
            messages.success(request, f"What “{test.name}” expects is changed.")
            return redirect("script_tests")
    context = {"test": test, "checks": [*checks, *[Check("") for _ in range(3)]], "exactly": exactly, "wrong": wrong}
    context |= {"kinds": KINDS, "destinations": known, "mark": mark}
    return draw(request, "test.html", context, 422 if wrong else 200)


def _in_words(checks: Sequence[Check], exactly: bool) -> str:
    told = ["everything as when it was kept"] if exactly else []
    for each in checks:
        where = f"for {each.destination}" if each.path and each.destination else each.destination
        told.append(" ".join(filter(None, (KINDS[each.kind], each.path, each.value, where))))
    return "; ".join(told)


def _posted(posted: QueryDict) -> list[Check]:
    """The rows that say something."""
    columns = (posted.getlist(f"e_{name}") for name in ("kind", "destination", "path", "value"))
    rows = [
        Check(kind, destination.strip(), path.strip(), value)
        for kind, destination, path, value in zip(*columns, strict=False)
    ]
    return [row for row in rows if row.kind]


@require_POST
@editors_only
def script_test_delete(request: HttpRequest, test_id: int) -> HttpResponse:
    test = get_object_or_404(ScriptTest.objects.defer("image"), pk=test_id)
    outside.audit(actor(request), "remove script test", test)
    test.delete()
    messages.success(request, f"The test “{test.name}” is removed.")
    return redirect("script_tests")

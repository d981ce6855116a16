"""The application log and the audit log (D14)."""

from typing import cast

from django import forms
from django.contrib.auth.decorators import permission_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from routing.models import ApplicationLogLine, AuditRecord
from routing.sight import Sight
from routing.views.keyset import keyset_page
from routing.views.request import HtmxHttpRequest, draw

PAGE = 100
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class LogFilter(forms.Form):
    """``level`` is the least level that is shown."""

    level = forms.ChoiceField(choices=[("", "all levels")] + [(level, level) for level in LEVELS], required=False)
    q = forms.CharField(required=False, max_length=200, label="Text", widget=forms.TextInput(attrs={"type": "search"}))

    def value(self, name: str) -> str:
        self.is_valid()
        return str(self.cleaned_data.get(name) or "")


@require_GET
@permission_required("routing.view_applicationlogline", raise_exception=True)
def application_log(request: HttpRequest) -> HttpResponse:
    visitor = cast(HtmxHttpRequest, request)
    chosen = LogFilter(visitor.GET)
    lines = ApplicationLogLine.objects.all()
    if level := chosen.value("level"):
        lines = lines.filter(level__in=LEVELS[LEVELS.index(level) :])
    if text := chosen.value("q"):
        lines = lines.filter(Q(message__icontains=text) | Q(process__icontains=text) | Q(logger__icontains=text))
    context = {"form": chosen, "page": keyset_page(lines, visitor.GET, PAGE), "filtered": bool(level or text)}
    return draw(visitor, "routing/application_log.html", "routing/_application_log.html", context)


@require_GET
@permission_required("routing.view_auditrecord", raise_exception=True)
def audit_log(request: HttpRequest) -> HttpResponse:
    visitor = cast(HtmxHttpRequest, request)
    chosen = LogFilter(visitor.GET)
    records = AuditRecord.objects.all()
    if text := chosen.value("q"):
        records = records.filter(Q(actor__icontains=text) | Q(action__icontains=text) | Q(object__icontains=text))
    context = {
        "form": chosen,
        "page": keyset_page(records, visitor.GET, PAGE),
        "filtered": bool(text),
        "sight": Sight.of(visitor.user),
    }
    return draw(visitor, "routing/audit_log.html", "routing/_audit_log.html", context)

"""How the script pages show what became of images under a version."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils.http import urlencode

from routing.database.version_counts import Standing, alarm, standing_of, standings
from routing.models import PrepareReport
from routing.people.sight import Sight
from routing.trials.fixing import of_session, waiting_for
from scripts_app.models import Activation

register = template.Library()

MOST_FAILURES = 20
"""Images that went wrong under a version and are listed; the queue has the rest."""


@register.inclusion_tag("routing/_version_alarm.html", takes_context=True)
def version_alarm(context: RequestContext) -> dict[str, Any]:
    """The banner: since the last activation the scripts go wrong more often."""
    request = context["request"]
    found = alarm()
    told: dict[str, Any] = {"alarm": found, "csrf_token": context.get("csrf_token"), "user": request.user}
    if found is not None:
        told["back_to"] = Activation.objects.filter(pk__lt=found.activation.pk).defer("content").first()
        troubled = PrepareReport.objects.filter(script_version_id=found.activation.version_id, errors__gt=0)
        told["newest"] = troubled.order_by("-id").values_list("item_id", flat=True).first()
        told["may_edit"] = request.user.has_perm("scripts_app.edit_scripts")
    return told


@register.simple_tag
def rates_by_activation() -> dict[int, Standing]:
    return {found.activation.pk: found for found in standings()}


@register.filter
def under(found: dict[int, Standing], activation_id: int) -> Standing | None:
    return found.get(activation_id)


@register.simple_tag
def rate_of(activation: Activation) -> Standing | None:
    return standing_of(activation.pk)


@register.inclusion_tag("routing/_version_failures.html", takes_context=True)
def version_failures(context: RequestContext, activation: Activation) -> dict[str, Any]:
    """The newest images that went wrong under this activation, each with the entry and line to blame."""
    request = context["request"]
    if not request.user.has_perm("routing.view_queueitem"):
        return {"hidden": True}
    later = Activation.objects.filter(version_id=activation.version_id, pk__gt=activation.pk).order_by("pk").first()
    found = PrepareReport.objects.filter(script_version_id=activation.version_id, errors__gt=0)
    if Activation.objects.filter(version_id=activation.version_id, pk__lt=activation.pk).exists():
        found = found.filter(at__gte=activation.at)
    if later is not None:
        found = found.filter(at__lt=later.at)
    reports = list(found.select_related("item").defer("item__recipe", "outputs").order_by("-id")[: MOST_FAILURES + 1])
    return {
        "sight": Sight.of(request.user),
        "reports": [(report, [each for each in report.entries if each["status"] == "error"]) for report in reports][
            :MOST_FAILURES
        ],
        "more": len(reports) > MOST_FAILURES,
        "activation": activation,
        "may_edit": request.user.has_perm("scripts_app.edit_scripts"),
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("routing/_fixing.html", takes_context=True)
def fixing_line(context: RequestContext) -> dict[str, Any]:
    """What the person is putting right, and after the activation the items that wait for it."""
    request = context["request"]
    fixing = of_session(request.session)
    if fixing is None or not request.user.has_perm("scripts_app.edit_scripts"):
        return {}
    activated = Activation.objects.filter(pk__gt=fixing.after).exists()
    return {
        "fixing": fixing,
        "activated": activated,
        "waiting": waiting_for(fixing) if activated else 0,
        "may_retry": request.user.has_perm("routing.operate_queue"),
        "retry": urlencode({**fixing.retry_filter, "action": "retry", "scope": "matching"}),
        "csrf_token": context.get("csrf_token"),
    }

"""One item: what became of it, what happened to it, and why it went where it went."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from routing.dicom.status import describe
from routing.models import PrepareReport, QueueItem
from routing.sight import Sight
from routing.views.offers import offers
from routing.views.request import HtmxHttpRequest, draw

RELATED = 50
"""Items of the same study that are listed; the rest is one click away in the queue."""
LOG_LINES = 500


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue_item(request: HttpRequest, item_id: int) -> HttpResponse:
    visitor = cast(HtmxHttpRequest, request)
    item = get_object_or_404(QueueItem.objects.select_related("node", "script_version"), pk=item_id)
    return draw_item(visitor, item)


def draw_item(request: HtmxHttpRequest, item: QueueItem) -> HttpResponse:
    return draw(request, "routing/queue_item.html", "routing/_queue_item.html", story(item, request))


def story(item: QueueItem, request: HtmxHttpRequest) -> dict[str, Any]:
    """Everything the page tells of one item."""
    # A copy met no script itself (D4): the report of the image it was made from tells why it exists.
    report = PrepareReport.objects.filter(item_id=item.received_id).select_related("script_version").last()
    outputs = report.outputs if report else []
    copies = QueueItem.objects.filter(received_id=item.received_id).exclude(pk=item.pk).order_by("id")
    study = QueueItem.objects.none()
    if item.study_instance_uid:
        study = QueueItem.objects.filter(study_instance_uid=item.study_instance_uid)
        study = study.exclude(received_id=item.received_id).order_by("-id")
    history = list(item.history.select_related("item"))
    lines = list(item.log_lines.order_by("-id")[: LOG_LINES + 1])
    return {
        "sight": Sight.of(request.user),
        "item": item,
        "offers": offers(item) if request.user.has_perm("routing.operate_queue") else [],
        "history": history,
        "received": bool(history) and not history[0].from_state,
        "attempts": [(attempt, describe(attempt.status)) for attempt in item.attempts.select_related("node")],
        "status_words": describe(item.last_status) if item.last_status is not None else "",
        "report": report,
        "outputs": sorted(outputs, key=lambda output: output.get("destination") != item.destination_ae_title),
        "log_lines": lines[:LOG_LINES][::-1],
        "log_cut": len(lines) > LOG_LINES,
        "copies": copies.defer("recipe")[:RELATED],
        "study": study.defer("recipe")[:RELATED],
    }

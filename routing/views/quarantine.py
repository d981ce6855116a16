"""What was refused because it is no valid instance: who sent it, why, and its file for those who may see it."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import Http404, HttpResponse
from django.http.response import FileResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from routing.audit.log import audit
from routing.dicom.status import describe
from routing.engine.directory import Directory
from routing.engine.receiving.quarantine import discard, take
from routing.folders import spool_folder
from routing.models import QuarantinedInstance
from routing.spool.quarantined import quarantined
from routing.spool.spool import Durability, Spool
from routing.views.request import HtmxHttpRequest, draw
from scripts_app.core.dataset.file_meta import NotPart10
from scripts_app.outside import PHI

MOST_ROWS = 200
OPERATE = "routing.operate_queue"
SEE = "routing.view_queueitem"


@require_GET
@permission_required(SEE, raise_exception=True)
def quarantine(request: HtmxHttpRequest) -> HttpResponse:
    rows = QuarantinedInstance.objects.order_by("-received_at", "-id")
    sender = request.GET.get("sender", "").strip()[:16]
    if sender:
        rows = rows.filter(source_ae_title=sender)
    context = {
        "refused": [(row, describe(row.status)) for row in rows[:MOST_ROWS]],
        "count": rows.count(),
        "most": MOST_ROWS,
        "sender": sender,
        "checks": settings.CAPACITOR.check_instances,
        "days": settings.CAPACITOR.keep_quarantine / 86400,
    }
    return draw(request, "routing/quarantine.html", "routing/_quarantine.html", context)


@require_GET
@permission_required((SEE, PHI), raise_exception=True)
def quarantine_download(request: HtmxHttpRequest, instance_id: int) -> HttpResponse | FileResponse:
    """The file as it came; who took it is in the audit log."""
    row = _row(instance_id)
    try:
        file = quarantined(_spool(), row.pk).open("rb")
    except FileNotFoundError:
        raise Http404("the file has been removed") from None
    audit(_name(request), "download", f"refused instance {row.pk}")
    return FileResponse(file, content_type="application/dicom", as_attachment=True, filename=f"{row.pk}-refused.dcm")


@require_POST
@permission_required(OPERATE, raise_exception=True)
def quarantine_take(request: HtmxHttpRequest, instance_id: int) -> HttpResponse:
    """Queue it all the same, as if it had been acknowledged."""
    row = _row(instance_id)
    try:
        with transaction.atomic():
            audit(_name(request), "take from quarantine", f"item {row.pk}", reason=row.reason)
            take(row, _spool(), Directory.of_service(), _name(request))
    except (FileNotFoundError, NotPart10):
        messages.error(request, f"The file of {row.pk} is gone; nothing was queued.")
        return redirect("quarantine")
    except FileExistsError:
        messages.error(request, f"{row.pk} is being taken by somebody else right now; nothing was queued.")
        return redirect("quarantine")
    except OSError as error:
        messages.error(request, f"{row.pk} could not be taken: {error.strerror}; nothing was queued.")
        return redirect("quarantine")
    messages.success(request, f"{row.pk} is an item of the queue now.")
    return redirect("queue_item", row.pk)


@require_POST
@permission_required(OPERATE, raise_exception=True)
def quarantine_delete(request: HtmxHttpRequest, instance_id: int) -> HttpResponse:
    row = _row(instance_id)
    with transaction.atomic():
        audit(_name(request), "delete from quarantine", f"refused instance {row.pk}", reason=row.reason)
        discard(row, _spool())
    messages.success(request, f"{row.pk} is removed.")
    return redirect("quarantine")


def _row(instance_id: int) -> QuarantinedInstance:
    return get_object_or_404(QuarantinedInstance, pk=instance_id)


def _name(request: HtmxHttpRequest) -> str:
    return request.user.get_username()


def _spool() -> Spool:
    return Spool(spool_folder(), cast(Durability, settings.CAPACITOR.durable))

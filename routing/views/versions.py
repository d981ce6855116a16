"""What people say about the failures of a version."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from routing.audit.log import audit
from routing.database.short_lived import forget_all
from routing.database.version_counts import accept
from routing.views.request import HtmxHttpRequest
from scripts_app.models import Activation


@require_POST
@permission_required("scripts_app.edit_scripts", raise_exception=True)
def version_accept(request: HtmxHttpRequest, activation_id: int) -> HttpResponse:
    """The failures since this activation are meant: no alarm any more, and the measure of the next one."""
    activation = get_object_or_404(Activation.objects.defer("content"), pk=activation_id)
    with transaction.atomic():
        accept(activation, request.user.get_username())
        audit(request.user.get_username(), "accept failures", activation)
    forget_all()
    messages.success(request, f"The failures since activation {activation.pk} count as meant.")
    return redirect("script_version", activation.pk)

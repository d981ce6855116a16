"""The C-ECHO button: does the node answer, and how fast?"""

from dataclasses import replace
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from routing.audit import audit
from routing.dicom.verification import EchoResult, echo
from routing.engine.addresses import WrongTlsFiles, address_of
from routing.models import Node, NodeStatus
from routing.views.request import HtmxHttpRequest

LIMIT = 10.0
"""Seconds until a silent node counts as not answering; a person is waiting."""


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def node_echo(request: HttpRequest, node_id: int) -> HttpResponse:
    """Call the node, keep what it answered, and show it."""
    operator = cast(HtmxHttpRequest, request)
    node = get_object_or_404(Node, pk=node_id)
    result = _echo(node)
    status, _ = NodeStatus.objects.get_or_create(node=node)
    status.last_echo_at, status.last_echo_ok = timezone.now(), result.ok
    status.last_echo_ms, status.last_echo_message = result.latency_ms, result.message
    # Only these: a worker may write the other columns at the same moment.
    status.save(update_fields=["last_echo_at", "last_echo_ok", "last_echo_ms", "last_echo_message"])
    audit(operator.user.get_username(), "echo node", node.ae_title, ok=result.ok, message=result.message)
    if not operator.htmx:
        messages.add_message(request, messages.SUCCESS if result.ok else messages.ERROR, result.message)
        return redirect("nodes")
    return render(request, "routing/_echo_result.html", {"status": status, "node": node})


def _echo(node: Node) -> EchoResult:
    try:
        address = address_of(node, settings.CAPACITOR.ae_title)
    except WrongTlsFiles as error:
        return EchoResult(ok=False, latency_ms=0, message=str(error))
    return echo(replace(address, connect_timeout=LIMIT, acse_timeout=LIMIT, response_timeout=LIMIT))

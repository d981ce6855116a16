"""The C-ECHO buttons: does the node answer, how fast, and what would it take?"""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from routing.audit.log import audit
from routing.dicom.contexts import common
from routing.engine.nodes.echoes import ask, keep_echo
from routing.engine.nodes.status import end_back_off
from routing.models import Node
from routing.views.request import HtmxHttpRequest

LIMIT = 10.0
"""Seconds until a silent node counts as not answering; a person is waiting."""


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def node_echo(request: HtmxHttpRequest, node_id: int) -> HttpResponse:
    """Call the node, keep what it answered, and show it; with ``contexts`` also ask what it would accept."""
    node = get_object_or_404(Node, pk=node_id)
    asking = "contexts" in request.POST
    result = ask(node, LIMIT, common() if asking else ())
    status = keep_echo(node, result)
    if result.ok:
        end_back_off([node.pk], timezone.now())
    if asking and result.accepted is not None:
        status.accepted_contexts = [[sop_class, list(syntaxes)] for sop_class, syntaxes in result.accepted.items()]
        status.accepted_contexts_at = timezone.now()
        status.save(update_fields=["accepted_contexts", "accepted_contexts_at"])
    audit(request.user.get_username(), "echo node", node, ok=result.ok, message=result.message)
    if not request.htmx:
        messages.add_message(request, messages.SUCCESS if result.ok else messages.ERROR, result.message)
        return redirect("node", node_id) if asking else redirect("nodes")
    return render(request, "routing/_echo_result.html", {"status": status, "node": node})

"""One node: how it is doing, what it accepts, what changed, and what an operator can do about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from routing.audit.log import audit
from routing.configuration.node_uses import uses_of
from routing.dicom.contexts import COMMON_CLASSES, COMMON_SYNTAXES
from routing.models import AuditRecord, Node, NodeStatus
from routing.nodes.titles import title_book
from routing.operating.probe_image import send_probe_image
from routing.people.sight import Sight
from routing.showing.destinations import destinations
from routing.views.request import HtmxHttpRequest, draw

MOST_CHANGES = 30
MOST_OUTAGES = 10


@require_GET
@permission_required("routing.view_node", raise_exception=True)
def node_page(request: HtmxHttpRequest, node_id: int) -> HttpResponse:
    node = get_object_or_404(Node, pk=node_id)
    found = next((each for each in destinations() if each.node and each.node.pk == node_id), None)
    titles = [title for title, ae_title in title_book().titles().items() if ae_title == node.ae_title]
    context: dict[str, Any] = {
        "sight": Sight.of(request.user),
        "node": node,
        "destination": found,
        "status": found.status if found else None,
        "titles": sorted(titles, key=lambda title: (title != node.ae_title, title)),
        "accepted": accepted(found.status) if found else (),
        "syntaxes": COMMON_SYNTAXES.values(),
        "outages": node.outages.all()[:MOST_OUTAGES],
        "changes": (),
    }
    if request.user.has_perm("routing.view_auditrecord"):
        changes = AuditRecord.objects.filter(node=node).exclude(action="echo node")
        context["changes"] = changes.order_by("-id")[:MOST_CHANGES]
    return draw(request, "routing/node.html", "routing/_node.html", context)


def accepted(status: NodeStatus) -> list[tuple[str, list[bool]]]:
    """For each SOP class that was proposed: in which of the transfer syntaxes the node takes it."""
    taken = dict(status.accepted_contexts)
    return [(uid, [syntax in taken.get(uid, ()) for syntax in COMMON_SYNTAXES]) for uid in COMMON_CLASSES]


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def node_schedule(request: HttpRequest, node_id: int) -> HttpResponse:
    """Send outside the schedule until a time of day (server's zone); without one, follow the schedule again."""
    node = get_object_or_404(Node, pk=node_id)
    text = request.POST.get("until", "").strip()
    try:
        until = _next(text, timezone.localtime()) if text else None
    except ValueError:
        messages.error(request, f"{text!r} is not a time of day; write it like 18:30. Nothing was changed.")
        return redirect("node", node_id)
    with transaction.atomic():
        # Not by save(): the associations need not be opened anew for this.
        Node.objects.filter(pk=node_id).update(ignore_schedule_until=until)
        detail = {"until": until.isoformat(timespec="minutes")} if until else {}
        audit(request.user.get_username(), "set schedule aside" if until else "follow schedule", node, **detail)
    if until:
        messages.success(request, f"{node.ae_title} is sent to until {until:%Y-%m-%d %H:%M %Z}, whatever its schedule.")
    else:
        messages.success(request, f"{node.ae_title} follows its schedule again.")
    return redirect("node", node_id)


def _next(text: str, now: datetime) -> datetime:
    """The next moment at which the clock shows this; ValueError when it is no time of day."""
    clock = datetime.strptime(text, "%H:%M").time()
    at = datetime.combine(now.date(), clock, now.tzinfo)
    return at if at > now else at + timedelta(days=1)


@require_POST
@permission_required("routing.operate_nodes", raise_exception=True)
def node_test_image(request: HttpRequest, node_id: int) -> HttpResponse:
    """Queue a synthetic image for the node and show what becomes of it."""
    node = get_object_or_404(Node, pk=node_id)
    if not node.enabled or node.role != Node.Role.STORAGE:
        why = "is disabled" if not node.enabled else f"has the role {node.role}, which takes no images"
        messages.error(request, f"{node.ae_title} {why}: no test image was made.")
        return redirect("node", node_id)
    actor = request.user.get_username()
    try:
        with transaction.atomic():
            item_id = send_probe_image(node, actor)
            audit(actor, "test image", node, item=item_id)
    except OSError as error:
        messages.error(request, f"No test image was made: {error.strerror or error}.")
        return redirect("node", node_id)
    waits = "; the node is paused, so it waits" if node.paused else ""
    messages.success(request, f"A synthetic test image is on its way to {node.ae_title}{waits}. This is its item.")
    return redirect("queue_item", item_id)


@require_http_methods(["GET", "POST"])
@permission_required("routing.delete_node", raise_exception=True)
def node_delete(request: HttpRequest, node_id: int) -> HttpResponse:
    """Ask, and say what would be lost; then remove it, unless images still wait for it."""
    node = get_object_or_404(Node, pk=node_id)
    with transaction.atomic():
        waiting, used = node.items.queued().count(), uses_of(node)
        if request.method == "POST" and not waiting:
            detail: dict[str, Any] = {"used by": used} if used else {}
            audit(request.user.get_username(), "delete node", node, host=node.host, port=node.port, **detail)
            node.delete()
            messages.success(request, f"{node.ae_title} is deleted; calls for it are refused from now on.")
            return redirect("nodes")
    status = 409 if request.method == "POST" else 200
    return render(request, "routing/node_delete.html", {"node": node, "waiting": waiting, "used": used}, status=status)

"""Whether a node is sent to at the moment, for pages and buttons; of their hosts' networks the workers tell."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from routing.core import gates
from routing.database.short_lived import ShortLived
from routing.models import Node, ServiceProcess


def held_back(node: Node | None) -> str:
    """What a node is to which nothing is sent at the moment; empty when it is sent to, or there is none."""
    if node is None:
        return ""
    if not node.enabled:
        return "disabled"
    if node.paused:
        return "paused"
    if not in_schedule(node) and not schedule_set_aside(node):
        return "outside its schedule"
    why = out_of_reach().get(node.pk)
    return f"not sent to: {why}" if why else ""


def _out_of_reach() -> dict[int, str]:
    alive = ServiceProcess.objects.filter(role="deliver", seen_at__gte=timezone.now() - ServiceProcess.ALIVE)
    said = [process.detail.get("out_of_reach", {}) for process in alive]
    everywhere = set.intersection(*map(set, said)) if said else set()
    return {int(node_id): said[0][node_id] for node_id in everywhere}


out_of_reach = ShortLived(_out_of_reach)
"""Nodes that no living worker sends to because of its host's networks, or of a setting that it can't read; and why."""


def held_nodes() -> dict[int | None, str]:
    """The same for all nodes that are held back."""
    nodes = Node.objects.filter(role=Node.Role.STORAGE)
    return {node.pk: why for node in nodes if (why := held_back(node))}


def in_schedule(node: Node) -> bool:
    try:
        return gates.in_schedule(node.process_schedule, timezone.localtime())
    except gates.BadGate:
        # What can't be read holds everything back (routing.core.gates).
        return False


def schedule_set_aside(node: Node) -> bool:
    """Somebody wants it sent to outside its schedule for a while."""
    return node.ignore_schedule_until is not None and node.ignore_schedule_until > timezone.now()


def opens_at(node: Node) -> datetime | None:
    """When its next window begins."""
    try:
        return gates.opens_at(node.process_schedule, timezone.localtime())
    except gates.BadGate:
        return None

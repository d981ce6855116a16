"""Admin of the nodes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from routing.administration.pages import Audited, Unchangeable
from routing.configuration.node_uses import left_behind, uses_of
from routing.database.deadlock import despite_deadlocks
from routing.forms.nodes import NodeForm
from routing.models import Node, NodeStatus, QueueItem
from routing.nodes.renamed import STILL_FOLLOWING, bring_along, follow
from routing.people.sight import Sight
from scripts_app.revision import hold

_STRANGER = Sight(full=False)
"""Whoever sets up nodes need not see patients."""
_RENAMED = "renamed_node"
"""Where a request keeps the node that it gave another AE title."""


class NodeStatusInline(Unchangeable, admin.StackedInline):  # type: ignore[type-arg]
    model = NodeStatus
    can_delete = False
    exclude = ("last_error",)
    readonly_fields = ("error",)

    @admin.display(description="last error")
    def error(self, status: NodeStatus) -> str:
        return _STRANGER.by_node(status.last_error)


@admin.register(Node)
class NodeAdmin(Audited):
    form = NodeForm
    fieldsets = [(heading, {"fields": list(names)}) for heading, names in NodeForm.SECTIONS]
    inlines = [NodeStatusInline]
    list_display = ("ae_title", "description", "host", "port", "role", "enabled", "paused", "queued", "last_error")
    list_filter = ("role", "enabled", "paused", "tls")
    list_select_related = ("status",)
    search_fields = ("ae_title", "aliases", "host", "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Node]:
        # By the title, which has an index together with the state: a node's items may be millions that have left.
        queued = (
            QueueItem.objects.queued().order_by().filter(destination_ae_title=OuterRef("ae_title"), node=OuterRef("pk"))
        )
        count = Subquery(queued.values("node").annotate(n=Count("pk")).values("n"))
        nodes: QuerySet[Node] = super().get_queryset(request).annotate(queued_items=Coalesce(count, 0))
        return nodes

    @admin.display(description="in the queue", ordering="queued_items")
    def queued(self, node: Any) -> int:
        return int(node.queued_items)

    @admin.display(description="last error")
    def last_error(self, node: Node) -> str:
        status = getattr(node, "status", None)
        return _STRANGER.by_node(status.last_error)[:80] if status and status.failures_in_a_row else ""

    def changeform_view(self, request: HttpRequest, *arguments: Any, **more: Any) -> Any:
        """What is queued follows a node's title, after that is committed."""
        answer = despite_deadlocks(lambda: super(NodeAdmin, self).changeform_view(request, *arguments, **more))
        renamed: Node | None = getattr(request, _RENAMED, None)
        if renamed is not None and not bring_along(renamed.pk, actor=request.user.get_username()):
            messages.info(request, f"{renamed.ae_title}: {STILL_FOLLOWING}")
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            # Entries may follow its title; an import, too, locks the scripts before the nodes.
            hold()
            super().save_model(request, obj, form, change)
            before = form.initial.get("ae_title", "")
            follow(obj, before, actor=request.user.get_username())
            if warning := left_behind(before, obj):
                messages.warning(request, warning)
        if change and "ae_title" in form.changed_data:
            setattr(request, _RENAMED, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A node that images wait for can't be removed: they would wait for ever; what scripts say of it is told."""
        nodes = list(objs)
        to_delete, counts, forbidden, protected = super().get_deleted_objects(nodes, request)
        for node in nodes:
            if waiting := node.items.queued().count():
                protected = [*protected, f"node {node}: {waiting} images in the queue are for it; disable it instead"]
            to_delete = [*to_delete, *(f"Scripts name {node}, in vain from then on: {use}" for use in uses_of(node))]
        return to_delete, counts, forbidden, protected

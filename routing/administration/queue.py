"""Admin of the queue: look at everything, change states only through the one place that records it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from routing.administration.pages import Kept, Unchangeable, WithPatientData
from routing.models import Attempt, HistoryEntry, ItemLogLine, Node, PrepareReport, QueueItem
from routing.operating.operator_actions import MOST_AT_ONCE, Action, perform
from routing.selecting.bulk import DONE, EFFECTS, LABELS, TYPED_FROM

MOST_ROWS = 100
"""Newest rows of each kind on the page of an item; one that is retried for days has thousands."""


class NewestRows(Unchangeable, admin.TabularInline):  # type: ignore[type-arg]
    """The newest rows that belong to one item."""

    can_delete = False

    def get_formset(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        # Kept for get_queryset, which is not told the item; admin makes an inline anew for each request.
        self._item = obj
        return super().get_formset(request, obj, **options)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        table: Any = self.model
        newest = table.objects.filter(item=self._item).order_by("-id").values_list("id", flat=True)[:MOST_ROWS]
        return rows.filter(id__in=list(newest))


def _newest(table: type[Model], heading: str, *columns: str) -> type[NewestRows]:
    """The inline of one table, with these columns."""
    values = {"model": table, "fields": columns, "verbose_name_plural": f"{heading} (the newest {MOST_ROWS})"}
    return type(f"{table.__name__}Rows", (NewestRows,), values)


class ItemActionForm(ActionForm):
    """Beside the choice of an action: where a change of destination leads."""

    node = forms.ModelChoiceField(
        Node.objects.filter(role=Node.Role.STORAGE), required=False, label="new destination:", empty_label="none"
    )


def _in_the_list(action: Action) -> Callable[..., None]:
    """The queue's own action, as the list of the admin calls it."""

    @admin.action(description=f"{LABELS[action]}: {EFFECTS[action]}", permissions=["operate"])
    def act(page: QueueItemAdmin, request: HttpRequest, queryset: QuerySet[QueueItem]) -> None:
        page.perform(request, queryset, action)

    act.__name__ = action.value.replace("-", "_")
    return act


@admin.register(QueueItem)
class QueueItemAdmin(WithPatientData, Kept):
    actions = [_in_the_list(action) for action in Action]
    action_form = ItemActionForm
    list_display = (
        "id",
        "state",
        "source_ae_title",
        "destination_ae_title",
        "modality",
        "patient_id",
        "accession_number",
        "attempt_count",
        "warning",
        "created_at",
        "last_error",
    )
    list_filter = ("state", "warning", "node")
    # Exact values: a search for a part of a text would read the whole table.
    search_fields = (
        "id__exact",
        "study_instance_uid__exact",
        "sop_instance_uid__exact",
        "patient_id__exact",
        "accession_number__exact",
        "modality__exact",
        "destination_ae_title__exact",
    )
    search_help_text = (
        "item, UID of study or instance, patient ID, accession number, modality or destination, written out"
    )
    ordering = ("-id",)
    list_select_related = ("node", "script_version")
    inlines = [
        _newest(HistoryEntry, "history", "at", "event", "from_state", "to_state", "actor", "note"),
        _newest(Attempt, "attempts", "started_at", "ended_at", "answer", "status", "comment", "error", "bytes_sent"),
        _newest(ItemLogLine, "log", "at", "level", "source", "entry", "line", "text"),
        _newest(PrepareReport, "reports", "at", "verdict", "message", "entries", "routes", "outputs", "milliseconds"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[QueueItem]:
        return super().get_queryset(request).defer("recipe")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("routing.operate_queue")

    def perform(self, request: HttpRequest, queryset: QuerySet[QueueItem], action: Action) -> None:
        """As the buttons of the queue do it: by the table of states, with history and audit, and with Undo there."""
        ids = list(queryset.order_by("id").values_list("id", flat=True)[:MOST_AT_ONCE])
        node = None
        if action is Action.REDIRECT:
            node = self.action_form.base_fields["node"].clean(request.POST.get("node"))
            if node is None:
                self.message_user(request, "Choose the new destination beside the action.", messages.ERROR)
                return
        if action is Action.DELETE and len(ids) > TYPED_FROM:
            told = f"More than {TYPED_FROM} at once are deleted on the page of the queue, which asks for the number."
            self.message_user(request, told, messages.ERROR)
            return
        done = perform(
            action, ids, actor=request.user.get_username(), scope="Django admin", note="by Django admin", node=node
        )
        parts = [f"{done.moved} {DONE[action]}"]
        if done.pending:
            parts.append(f"{done.pending} will be, once their worker is done")
        if done.untouched:
            stand = "as they or their nodes stand" if action is Action.TRY_NOW else "in the state they are in"
            parts.append(f"{done.untouched} could not be, {stand}")
        if done.moved or done.pending:
            parts.append("for a moment the page of the queue offers to undo it")
        level = messages.SUCCESS if done.moved or done.pending else messages.WARNING
        self.message_user(request, "; ".join(parts) + ".", level)

"""Admin of the queue: look at everything, change states only through the one place that records it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from routing.administration.pages import Kept, Unchangeable, WithPatientData
from routing.audit import audit
from routing.core.states import QueueEvent
from routing.models import Attempt, HistoryEntry, ItemLogLine, PrepareReport, QueueItem
from routing.record import Moved, record_for, retry_for

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


@admin.register(QueueItem)
class QueueItemAdmin(WithPatientData, Kept):
    actions = ["retry", "fail", "reject"]
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

    @admin.action(description="Retry: send again, or prepare again what was never prepared", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[QueueItem]) -> None:
        self._move(request, queryset, "retry", retry_for)

    @admin.action(description="Fail", permissions=["operate"])
    def fail(self, request: HttpRequest, queryset: QuerySet[QueueItem]) -> None:
        self._move(request, queryset, "fail", _by_event(QueueEvent.FAILED_BY_OPERATOR))

    @admin.action(description="Reject", permissions=["operate"])
    def reject(self, request: HttpRequest, queryset: QuerySet[QueueItem]) -> None:
        self._move(request, queryset, "reject", _by_event(QueueEvent.REJECTED_BY_OPERATOR))

    def _move(
        self, request: HttpRequest, queryset: QuerySet[QueueItem], action: str, move: Callable[..., Moved]
    ) -> None:
        actor = request.user.get_username()
        # A query of its own: the list's may be ordered, joined or filtered in ways that an update can't follow.
        items = QueueItem.objects.filter(id__in=list(queryset.order_by().values_list("id", flat=True)[:10_000]))
        moved = move(items, actor=actor, note="by Django admin")
        audit(actor, f"{action} items", f"{moved.moved} items", pending=moved.pending, untouched=moved.untouched)
        parts = [f"{moved.moved} moved"]
        if moved.pending:
            parts.append(f"{moved.pending} will, once their worker is done")
        if moved.untouched:
            parts.append(f"{moved.untouched} could not, in the state they are in")
        self.message_user(request, "; ".join(parts) + ".", messages.SUCCESS if moved.moved else messages.WARNING)


def _by_event(event: QueueEvent) -> Callable[..., Moved]:
    def move(items: QuerySet[QueueItem], *, actor: str, note: str) -> Moved:
        return record_for(items, event, actor=actor, note=note)

    return move

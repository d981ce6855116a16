"""What the admin pages have in common: rows nobody may edit, patient data, audit, and large tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models, transaction
from django.http import HttpRequest
from django.utils.functional import cached_property

from routing.audit.log import audit
from routing.core.identifiers import identifier_in
from scripts_app.outside import PHI

_ITEM_NUMBERS = ("id__exact", "item__id__exact", "item_id__exact")
"""As search fields name the number of an item."""
MOST_COUNTED = 10_000
"""Rows a list counts; to count millions for a page number would take longer than to show the page."""


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than ``MOST_COUNTED``; what lies beyond is found by a filter."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


def one_of(column: str, values: Iterable[str]) -> type[admin.SimpleListFilter]:
    """A filter over known values; Django's own would read the whole table to find out which occur."""
    choices = [(str(value), str(value)) for value in values]

    def queryset(self: Any, request: HttpRequest, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        return rows.filter(**{column: self.value()}) if self.value() else rows

    return type(
        f"OneOf{column.title()}",
        (admin.SimpleListFilter,),
        {
            "title": column.replace("_", " "),
            "parameter_name": column,
            "lookups": lambda self, request, model_admin: choices,
            "queryset": queryset,
        },
    )


class Unchangeable:
    """Rows that tell what happened, or that the engine keeps: to edit them would be to lie."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WithPatientData:
    """Pages whose columns may hold patient data, which only PHI opens."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_view_permission(request, obj)  # type: ignore[misc]
        return bool(allowed and request.user.has_perm(PHI))


class Kept(Unchangeable, admin.ModelAdmin):  # type: ignore[type-arg]
    """A table that is only looked at."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """An item's number is looked for first, by its index: Django would compare it as text, row after row."""
        number = identifier_in(search_term.strip())
        field = next((name for name in self.search_fields if name in _ITEM_NUMBERS), None)
        if field and number is not None and (found := queryset.filter(**{field: number})).exists():
            return found, False
        return super().get_search_results(request, queryset, search_term)


class Audited(admin.ModelAdmin):  # type: ignore[type-arg]
    """A table that people edit; each edit is in the audit log, in the transaction of the edit."""

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        pairs = {name: [_plain(form.initial.get(name)), _plain(form.cleaned_data.get(name))] for name in form.fields}
        changes = {name: pair for name, pair in pairs.items() if name in form.changed_data and pair[0] != pair[1]}
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            self._note(request, "change" if change else "add", obj, changes)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_formset(request, form, formset, change)
            rows = {
                "added": list(map(str, formset.new_objects)),
                "changed": [str(row) for row, _ in formset.changed_objects],
                "removed": list(map(str, formset.deleted_objects)),
            }
            if any(rows.values()):
                self._note(request, f"change {formset.model._meta.verbose_name_plural} of", form.instance, rows)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        with transaction.atomic():
            self._note(request, "remove", obj, {})
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with transaction.atomic():
            for obj in queryset:
                self._note(request, "remove", obj, {})
            super().delete_queryset(request, queryset)

    def _note(self, request: HttpRequest, action: str, obj: models.Model, changes: dict[str, Any]) -> None:
        audit(request.user.get_username(), f"{action} {self.opts.verbose_name}", obj, id=obj.pk, changes=changes)


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    return value if isinstance(value, str | int | float | bool | list | None) else str(value)

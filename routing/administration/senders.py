"""Admin of those who may send, and of those who tried."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from routing.administration.pages import Audited
from routing.forms.nodes import KnownSenderForm
from routing.models import KnownSender, UnknownSender
from routing.operating.allowing import allow


@admin.register(KnownSender)
class KnownSenderAdmin(Audited):
    form = KnownSenderForm
    list_display = ("ae_title", "network", "description", "enabled")
    list_filter = ("enabled",)
    search_fields = ("ae_title", "network", "description")


@admin.register(UnknownSender)
class UnknownSenderAdmin(Audited):
    actions = ["allow"]
    list_display = ("ae_title", "address", "called_ae_title", "count", "first_seen_at", "last_seen_at")
    search_fields = ("ae_title", "address", "called_ae_title")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: UnknownSender | None = None) -> bool:
        return False

    def has_allow_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("routing.operate_nodes")

    @admin.action(description="Allow to send, from the address it called from", permissions=["allow"])
    def allow(self, request: HttpRequest, queryset: QuerySet[UnknownSender]) -> None:
        with transaction.atomic():
            callers = set(queryset.values_list("ae_title", "address"))
            for ae_title, address in sorted(callers):
                allow(ae_title, address, request.user.get_username())
        names = ", ".join(f"{ae_title} from {address}" for ae_title, address in sorted(callers))
        self.message_user(request, f"May send now: {names}.", messages.SUCCESS)

"""Admin of users and roles: somebody who may administer the site remains, whatever is changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from routing.accounts import administrators
from routing.administration.meanwhile import SeenForm


class NobodyLeft(Exception):
    """With that nobody could change users any more."""


class SomebodyRemains:
    """Takes a change back that leaves no active administrator: only a command on the server could mend that."""

    def changeform_view(self, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        return self._kept(super().changeform_view, request, *arguments, **named)  # type: ignore[misc]

    def delete_view(self, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        return self._kept(super().delete_view, request, *arguments, **named)  # type: ignore[misc]

    def changelist_view(self, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        return self._kept(super().changelist_view, request, *arguments, **named)  # type: ignore[misc]

    def _kept(self, view: Any, request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        if request.method != "POST":
            return view(request, *arguments, **named)  # type: ignore[no-any-return]
        try:
            with transaction.atomic():
                # One after the other: of two administrators each could remove the other.
                known = list(User.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
                there = administrators().filter(pk__in=known).exists()
                answer: HttpResponse = view(request, *arguments, **named)
                if there and not administrators().exists():
                    raise NobodyLeft
        except NobodyLeft:
            told = (
                "Nothing was changed: nobody would be left who may administer the site. Make somebody else one first."
            )
            # What the view has said of its success is not true.
            list(messages.get_messages(request))
            messages.error(request, told)
            return HttpResponseRedirect(request.get_full_path())
        return answer


class PersonForm(SeenForm, UserChangeForm):  # type: ignore[type-arg]
    """Rights that somebody else has just taken away do not come back by a change of the e-mail address."""


class RoleForm(SeenForm):
    class Meta:
        model = Group
        fields = "__all__"


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(SomebodyRemains, UserAdmin):  # type: ignore[type-arg]
    form = PersonForm


@admin.register(Group)
class RoleAdmin(SomebodyRemains, GroupAdmin):
    form = RoleForm

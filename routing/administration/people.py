"""Admin of users and roles: somebody who may administer the site remains, whatever is changed."""

from __future__ import annotations

from typing import Any

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from routing.administration.meanwhile import SeenForm
from routing.people.accounts import administrators


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
                there = self._who_can_come_in().filter(pk__in=known).exists()
                answer: HttpResponse = view(request, *arguments, **named)
                if there and not self._who_can_come_in().exists():
                    raise NobodyLeft
        except NobodyLeft:
            return self._refused(request)
        return answer

    def _refused(self, request: HttpRequest) -> HttpResponse:
        # What the view has said of its success is not true.
        list(messages.get_messages(request))
        told = "Nothing was changed: nobody would be left who may administer the site. Make somebody else one first."
        messages.error(request, told)
        return HttpResponseRedirect(request.get_full_path())

    def _who_can_come_in(self) -> QuerySet[User]:
        return administrators().exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)


class PersonForm(SeenForm, UserChangeForm):  # type: ignore[type-arg]
    """Rights that somebody else has just taken away do not come back by a change of the e-mail address."""

    class Meta(UserChangeForm.Meta):
        help_texts = {
            "is_staff": "For somebody who is no administrator: those come in here by their role, under Groups."
        }


class RoleForm(SeenForm):
    class Meta:
        model = Group
        fields = "__all__"


admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.unregister(AccessAttempt)


@admin.register(User)
class PersonAdmin(SomebodyRemains, UserAdmin):  # type: ignore[type-arg]
    form = PersonForm
    # Staff status, which Django's list shows instead, says nothing of who comes in by the role.
    list_display = ("username", "roles", "first_name", "last_name", "email", "is_active")
    list_filter = ("groups", "is_active", "is_superuser")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def roles(self, person: User) -> str:
        return "superuser" if person.is_superuser else ", ".join(str(group) for group in person.groups.all())

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        switched_off = request.method == "POST" and request.POST.get("usable_password") == "false"
        # Beforehand: the view gives the session a new key, which cannot be taken back.
        if switched_off and all(str(person.pk) == id for person in self._who_can_come_in()):
            return self._refused(request)
        answer: HttpResponse = super().user_change_password(request, id, form_url)
        return answer


@admin.register(Group)
class RoleAdmin(SomebodyRemains, GroupAdmin):
    form = RoleForm


@admin.register(AccessAttempt)
class WrongPasswordAdmin(AccessAttemptAdmin):  # type: ignore[misc]
    # Its own one counts back from the moment of a log-in, which no request here is; housekeeping clears them away.
    actions = ()

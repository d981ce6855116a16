"""Django admin: users and roles, of which somebody who may administer the site always remains."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from routing.models import AuditRecord
from tests.pages.people import words
from tests.routing.administration.administrators import client_of, page

pytestmark = pytest.mark.django_db
REFUSED = "nobody would be left who may administer the site"


def person(name: str, role: str = "administrator") -> User:
    user = User.objects.create(username=name, password="a hash")
    user.groups.add(Group.objects.get(name=role))
    return user


def form(user: User, **fields: Any) -> dict[str, Any]:
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    groups = list(user.groups.values_list("pk", flat=True))
    return {"username": user.username, "is_active": "on", "groups": groups, **joined, **fields}


def may_administer(user: User) -> bool:
    return User.objects.get(pk=user.pk).has_perm("auth.change_user")


def deeds(anna: User) -> dict[str, tuple[str, dict[str, Any]]]:
    role = Group.objects.get(name="administrator")
    change = Permission.objects.get(codename="change_user")
    others = list(role.permissions.exclude(pk=change.pk).values_list("pk", flat=True))
    chosen = {"action": "delete_selected", "post": "yes"}
    without = form(anna)
    del without["is_active"]
    return {
        "made inactive": (page(User, "change", anna.pk), without),
        "the role taken away": (page(User, "change", anna.pk), form(anna, groups=[])),
        "deleted": (page(User, "delete", anna.pk), {"post": "yes"}),
        "deleted in the list": (page(User, "changelist"), {**chosen, "_selected_action": [anna.pk]}),
        "the right taken from the role": (page(Group, "change", role.pk), {"name": role.name, "permissions": others}),
        "the role deleted": (page(Group, "delete", role.pk), {"post": "yes"}),
        "log-in by password switched off": (
            f"/admin/auth/user/{anna.pk}/password/",
            {"usable_password": "false", "unset-password": "x"},
        ),
        "the role deleted in the list": (page(Group, "changelist"), {**chosen, "_selected_action": [role.pk]}),
    }


@pytest.mark.parametrize("at", range(8))
def test_the_last_administrator_remains(at: int) -> None:
    anna = person("anna")
    person("olga", "operator")
    client = client_of(anna)
    place, posted = list(deeds(anna).values())[at]
    records = AuditRecord.objects.count()
    told = words(client.post(place, posted, follow=True))
    assert REFUSED in told and "successfully" not in told
    assert may_administer(anna) and User.objects.get(pk=anna.pk).has_usable_password()
    assert AuditRecord.objects.count() == records


def test_one_of_two_administrators_may_go() -> None:
    anna, karl = person("anna"), person("karl")
    assert REFUSED not in words(client_of(anna).post(page(User, "delete", karl.pk), {"post": "yes"}, follow=True))
    assert not User.objects.filter(username="karl").exists()


def test_an_administrator_who_is_inactive_does_not_count() -> None:
    anna = person("anna")
    User.objects.create_superuser("root", is_active=False)
    assert REFUSED in words(client_of(anna).post(page(User, "change", anna.pk), form(anna, groups=[]), follow=True))


def test_a_new_user_and_a_changed_one_are_saved_as_ever() -> None:
    anna, olga = person("anna"), person("olga", "operator")
    client: Client = client_of(anna)
    assert client.post(page(User, "change", olga.pk), form(olga, email="olga@site.example")).status_code == 302
    assert User.objects.get(username="olga").email == "olga@site.example"
    new = {
        "username": "new",
        "usable_password": "true",
        "password1": "a long pass phrase",
        "password2": "a long pass phrase",
    }
    assert client.post(page(User, "add"), new).status_code == 302
    assert User.objects.filter(username="new").exists()


def test_the_list_of_people_says_which_role_each_has() -> None:
    anna = person("anna")
    person("bert", "viewer")
    told = words(client_of(anna).get("/admin/auth/user/"))
    assert "anna administrator" in told and "bert viewer" in told
    assert "Staff status" not in told, "it says no of an administrator, who comes in all the same"
    assert "those come in here by their role" in words(client_of(anna).get(f"/admin/auth/user/{anna.pk}/change/"))

"""Who may see, take and change the configuration as files: nobody but who may do each part of it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from routing.administration import configuration
from routing.configuration.archive import pack
from routing.models import AuditRecord, Node
from tests.pages.people import person, visitor

pytestmark = pytest.mark.django_db

PAGES = ("configuration", "configuration_export", "configuration_plan", "configuration_apply")


def ask(client: Client, page: str) -> Any:
    if page in ("configuration", "configuration_export"):
        return client.get(reverse(page))
    sent = {
        "archive": SimpleUploadedFile("site.zip", pack({"nodes.yml": "- AeTitle: PACS\n"})),
        "token": "0" * 32,
        "mark": "m",
        "name": "n",
    }
    return client.post(reverse(page), sent)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", ["viewer", "operator", "script author"])
def test_who_is_no_administrator_is_refused_staff_or_not(role: str, page: str) -> None:
    assert ask(Client(), page).headers["Location"].startswith(("/login/", "/admin/login/"))
    assert ask(visitor(role), page).headers["Location"].startswith("/admin/login/")
    User.objects.filter(username=f"the {role}").update(is_staff=True)
    assert ask(visitor(role), page).status_code == 403
    assert not Node.objects.exists() and set(AuditRecord.objects.values_list("outcome", flat=True)) == {"refused"}


@pytest.mark.parametrize("missing", configuration.NEEDED)
def test_every_right_that_an_import_makes_use_of_is_needed(missing: str) -> None:
    user = User.objects.create_user("staff", is_staff=True)
    for name in configuration.NEEDED:
        label, codename = name.split(".")
        if name != missing:
            user.user_permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))
    client = Client()
    client.force_login(user)
    assert client.get(reverse("configuration")).status_code == 403


def test_the_index_of_the_administration_leads_there_for_those_who_may() -> None:
    link = f'href="{reverse("configuration")}"'
    assert link in visitor("administrator").get(reverse("admin:index")).content.decode()
    User.objects.filter(pk=person("script author").pk).update(is_staff=True)
    assert link not in visitor("script author").get(reverse("admin:index")).content.decode()


@pytest.mark.parametrize(
    ("page", "method"), [(PAGES[0], "post"), (PAGES[1], "post"), (PAGES[2], "get"), (PAGES[3], "get")]
)
def test_a_change_is_a_post_and_a_look_is_not(page: str, method: str) -> None:
    assert getattr(visitor("administrator"), method)(reverse(page)).status_code == 405

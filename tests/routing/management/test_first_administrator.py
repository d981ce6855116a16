"""The first start makes one administrator, and no later one does."""

import re
from dataclasses import replace
from io import StringIO
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings as site
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from routing.management.commands import up

pytestmark = pytest.mark.django_db


def run(settings: Any, password: str = "", verbosity: int = 0) -> str:
    settings.CAPACITOR = replace(site.CAPACITOR, admin_password=password)
    out = StringIO()
    call_command("first_administrator", stdout=out, verbosity=verbosity)
    return out.getvalue()


def test_a_password_is_made_up_and_printed_and_works(settings: Any) -> None:
    Group.objects.get_or_create(name="administrator")
    printed = re.search(r"password (\S{16})  \(shown this once\)", run(settings))
    assert printed
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("admin", True, True)
    assert user.check_password(printed[1])
    assert user.groups.filter(name="administrator").exists()


def test_a_given_password_is_used_and_never_shown(settings: Any) -> None:
    assert "correct horse" not in run(settings, "correct horse")
    assert User.objects.get().check_password("correct horse")


def test_a_second_start_makes_and_prints_nothing(settings: Any) -> None:
    run(settings)
    before = User.objects.get().password
    assert run(settings, "another") == ""
    assert User.objects.get().password == before


def test_who_calls_it_by_hand_because_a_password_is_lost_hears_what_helps(settings: Any) -> None:
    User.objects.create_superuser("anna")
    told = run(settings, verbosity=1)
    assert "these may administer the site: anna. manage.py changepassword NAME" in told
    assert not User.objects.filter(username="admin").exists()


def test_a_superuser_of_another_name_is_enough(settings: Any) -> None:
    User.objects.create_superuser("anna")
    assert run(settings) == ""


def test_people_with_the_role_are_enough(settings: Any) -> None:
    User.objects.create_user("admin", is_active=False)
    User.objects.create_user("anna").groups.add(Group.objects.get(name="administrator"))
    assert run(settings) == ""
    User.objects.get(username="admin").delete()
    assert run(settings) == ""
    assert not User.objects.filter(username="admin").exists()


def test_a_role_of_somebody_who_is_inactive_is_not_enough(settings: Any) -> None:
    User.objects.create_user("anna", is_active=False).groups.add(Group.objects.get(name="administrator"))
    assert "Administrator   admin" in run(settings)


def test_images_flow_without_an_administrator(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.create_user("admin", is_active=False)
    supervisor = Mock()
    monkeypatch.setattr(up.application_log, "start", lambda *_, **__: None)
    monkeypatch.setattr(up.database_file, "look", lambda: None)
    monkeypatch.setattr(up, "Supervisor", supervisor)
    call_command("up", stdout=StringIO())
    supervisor.return_value.run.assert_called_once_with()
    assert "nobody may administer the site" in caplog.text


def test_an_existing_account_is_never_given_all_rights(settings: Any) -> None:
    User.objects.create_user("admin", password="mine")
    with pytest.raises(CommandError, match="createsuperuser"):
        run(settings)
    assert not User.objects.get().is_superuser

"""Django admin: two people have the same page open, and what one has saved is not put back unseen by the other."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from routing.models import AuditRecord
from scripts_app.models import Activation, EntryCondition, LuaEntry, LuaLibrary
from tests.pages.filled_form import filled_form
from tests.pages.people import words
from tests.routing.administration import administrators
from tests.routing.administration.administrators import page

pytestmark = pytest.mark.django_db
boss = administrators.boss
MEANWHILE = "Changed by somebody else meanwhile, so nothing was saved:"


def drawn(client: Client, address: str) -> dict[str, Any]:
    return filled_form(client.get(address))


def test_rights_that_were_taken_away_do_not_come_back(boss: Client) -> None:
    olga = User.objects.create_user("olga")
    role = Group.objects.get(name="operator")
    olga.groups.add(role)
    address = page(User, "change", olga.pk)
    form = drawn(boss, address) | {"groups": [role.pk], "user_permissions": []}
    olga.groups.clear()
    User.objects.filter(pk=olga.pk).update(is_active=False)
    answer = boss.post(address, form | {"email": "olga@site.example"})
    assert f"{MEANWHILE} active, groups." in words(answer)
    olga.refresh_from_db()
    assert (olga.is_active, olga.groups.count(), olga.email) == (False, 0, "")
    again = filled_form(answer) | {"groups": [role.pk], "user_permissions": []}
    assert again["email"] == "olga@site.example"
    assert boss.post(address, again).status_code == 302
    assert User.objects.get(pk=olga.pk).groups.get() == role


def test_a_log_in_meanwhile_is_no_change(boss: Client) -> None:
    olga = User.objects.create_user("olga")
    form = drawn(boss, page(User, "change", olga.pk)) | {"groups": [], "user_permissions": []}
    # The log-in may renew the hash of the password, too.
    User.objects.filter(pk=olga.pk).update(last_login=timezone.now(), password="another hash")
    assert boss.post(page(User, "change", olga.pk), form | {"email": "olga@site.example"}).status_code == 302


def test_rights_of_a_role_do_not_come_back(boss: Client) -> None:
    role = Group.objects.get(name="operator")
    rights = list(role.permissions.values_list("pk", flat=True))
    form = drawn(boss, page(Group, "change", role.pk)) | {"permissions": rights}
    role.permissions.remove(rights[0])
    assert f"{MEANWHILE} permissions." in words(boss.post(page(Group, "change", role.pk), form | {"name": "operators"}))
    assert role.permissions.count() == len(rights) - 1


def test_a_script_that_somebody_else_has_mended_stays_mended(boss: Client) -> None:
    entry = LuaEntry.objects.create(position=1, script="print('broken')")
    EntryCondition.objects.create(entry=entry, tag="Modality", match_expression="CT")
    address = page(LuaEntry, "change", entry.pk)
    form = drawn(boss, address) | {"description": "only this"}
    LuaEntry.objects.filter(pk=entry.pk).update(script="print('mended')")
    entry.conditions.update(match_expression="MR")
    activations = Activation.objects.count()
    answer = boss.post(address, form)
    assert f"{MEANWHILE} script, conditions." in words(answer)
    entry.refresh_from_db()
    assert (entry.script, entry.description) == ("print('mended')", "")
    assert entry.conditions.get().match_expression == "MR"
    assert Activation.objects.count() == activations
    assert boss.post(address, filled_form(answer)).status_code == 302
    assert LuaEntry.objects.get().script == "print('broken')"


def test_a_library_file_too(boss: Client) -> None:
    file = LuaLibrary.objects.create(path="x.lua", source="x = 1")
    form = drawn(boss, page(LuaLibrary, "change", file.pk))
    LuaLibrary.objects.update(source="x = 2")
    assert f"{MEANWHILE} source." in words(boss.post(page(LuaLibrary, "change", file.pk), form | {"path": "y.lua"}))
    assert (LuaLibrary.objects.get().path, LuaLibrary.objects.get().source) == ("x.lua", "x = 2")


def test_the_list_of_entries_writes_only_what_was_changed_in_it(boss: Client) -> None:
    first, second = (LuaEntry.objects.create(position=at, script="print(1)") for at in (1, 2))
    form = drawn(boss, page(LuaEntry, "changelist")) | {"_save": "Save", "action": ""}
    LuaEntry.objects.filter(pk=first.pk).update(enabled=False, position=7)
    row = next(
        name.removesuffix("-id") for name, value in form.items() if name.endswith("-id") and value == str(second.pk)
    )
    assert boss.post(page(LuaEntry, "changelist"), form | {f"{row}-position": "3"}).status_code == 302
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.enabled, first.position, second.position) == (False, 7, 3)
    assert AuditRecord.objects.get(action="change Lua entry").object == str(second)


def test_the_list_of_entries_tells_what_both_have_changed(boss: Client) -> None:
    entry = LuaEntry.objects.create(position=1, script="print(1)")
    form = drawn(boss, page(LuaEntry, "changelist")) | {"_save": "Save", "action": ""}
    LuaEntry.objects.update(position=7)
    told = words(boss.post(page(LuaEntry, "changelist"), form | {"form-0-position": "3"}))
    assert "It was 1 and is 7 now; yours is 3." in told
    entry.refresh_from_db()
    assert entry.position == 7


@pytest.mark.parametrize("seen", ["", "x", "[1]", "[" * 100_000, "{}", '{"script": 1}'])
def test_a_mark_that_is_none_breaks_nothing(boss: Client, seen: str) -> None:
    file = LuaLibrary.objects.create(path="x.lua", source="x = 1")
    form = drawn(boss, page(LuaLibrary, "change", file.pk)) | {"seen": seen, "source": "x = 3"}
    assert boss.post(page(LuaLibrary, "change", file.pk), form).status_code in (200, 302)

"""Import and administration change the active scripts directly, and that is kept as an activation, too."""

import pytest
from django.urls import reverse

from routing.configuration.apply import import_directory
from scripts_app.draft import change, working
from scripts_app.models import Activation, LuaEntry, LuaLibrary
from tests.builders import lua_entry, node
from tests.pages.people import person

pytestmark = pytest.mark.django_db


def told():
    return [(made.actor, made.reason) for made in Activation.objects.all()]


def test_an_import_is_an_activation(tmp_path):
    node("PACS")
    (tmp_path / "lua.yml").write_text("- Script: print('imported')\n", encoding="utf-8")
    (tmp_path / "nodes.yml").write_text("- AeTitle: PACS\n  HostName: h\n  Port: 104\n  NodeRole: Storage\n")
    import_directory(tmp_path, actor="olga")
    assert told() == [("olga", f"imported from {tmp_path.name}")]
    assert Activation.objects.get().content["entries"][0]["script"] == "print('imported')"
    import_directory(tmp_path, actor="olga")
    assert len(told()) == 1


@pytest.fixture
def administrator(client):
    client.force_login(person("administrator"))
    return client


def test_an_edit_in_the_administration_is_an_activation_and_a_draft_notices(administrator):
    LuaLibrary.objects.create(path="a.lua", source="x")
    lua_entry("print(1)")
    change("peter", lambda content: content["libraries"].update({"b.lua": "y"}))
    library = LuaLibrary.objects.get()
    address = reverse("admin:scripts_app_lualibrary_change", args=[library.pk])
    administrator.post(address, {"path": "a.lua", "source": "print(2)"})
    assert told() == [("the administrator", "edited in the administration")]
    assert Activation.objects.get().content["libraries"] == {"a.lua": "print(2)"}
    assert working().base["libraries"] == {"a.lua": "x"}


def test_a_removal_in_the_administration_is_an_activation(administrator):
    entry = lua_entry("print(1)")
    administrator.post(reverse("admin:scripts_app_luaentry_delete", args=[entry.pk]), {"post": "yes"})
    assert not LuaEntry.objects.exists()
    assert told() == [("the administrator", "edited in the administration")]

"""The way back to scripts that name a node which has been deleted since: open, after a question."""

import pytest
from django.urls import reverse

from routing.models import AuditRecord, Node
from scripts_app import loader
from scripts_app.activation import note_activation
from scripts_app.models import Activation, LuaEntry
from tests.builders import lua_entry, node
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def wanted():
    """An activation of entries for nodes of which one is no more; other scripts are active."""
    node("PACS")
    old = node("OLD")
    lua_entry("print(1)", description="for both", ae_titles=["PACS", "OLD"])
    lua_entry("print(2)", description="for the old", ae_titles=["OLD"])
    lua_entry("print(3)", description="for all")
    made = note_activation("anna", "first")
    LuaEntry.objects.all().delete()
    note_activation("bert", "second")
    Node.objects.filter(pk=old.pk).delete()
    return made


def test_the_page_asks_and_the_entry_that_was_for_no_other_node_is_left_out(wanted):
    author = visitor("script author")
    page = words(author.get(reverse("script_version", args=[wanted.pk])))
    assert "OLD is no node any more" in page and "for the old will be left out" in page
    author.post(reverse("script_roll_back", args=[wanted.pk]), {"reason": "images were lost", "without": "OLD"})
    assert [(each.script, tuple(each.ae_titles)) for each in loader.active().entries] == [
        ("print(1)", ("PACS",)),
        ("print(3)", ()),
    ]
    assert Activation.objects.first().reason == "images were lost (without OLD)"
    told = AuditRecord.objects.get(action="roll back scripts").detail
    assert (told["without"], told["shortened"], told["left out"]) == (["OLD"], ["for both"], ["for the old"])


def test_who_was_not_asked_about_that_node_is_refused_and_led_to_the_question(wanted):
    Node.objects.filter(ae_title="PACS").delete()
    author = visitor("script author")
    told = words(
        author.post(reverse("script_roll_back", args=[wanted.pk]), {"without": "OLD"}, follow=True),
    )
    assert "Not activated" in told and "OLD, PACS are no nodes any more" in told
    assert not loader.active().entries


def test_nothing_is_asked_where_all_nodes_are_there(wanted):
    node("OLD")
    author = visitor("script author")
    address = reverse("script_version", args=[wanted.pk])
    assert "any more" not in words(author.get(address))
    author.post(reverse("script_roll_back", args=[wanted.pk]))
    assert len(loader.active().entries) == 3

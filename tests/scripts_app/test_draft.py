"""A draft does nothing until somebody activates it, and nobody's work is lost on the way."""

import pytest

from routing.models import AuditRecord
from scripts_app import loader
from scripts_app.activation import activate, note_activation, stored_collection
from scripts_app.draft import (
    BaseMoved,
    DraftMoved,
    PartMoved,
    activate_draft,
    change,
    check_mark,
    discard,
    mark_of,
    take_over,
    working,
)
from scripts_app.models import Activation, EntryCondition, LuaEntry, LuaLibrary, ScriptDraft
from tests.builders import lua_entry

pytestmark = pytest.mark.django_db


def set_script(script):
    def edit(content):
        content["entries"][0]["script"] = script

    return edit


def script():
    return LuaEntry.objects.get().script


def test_a_draft_changes_nothing_that_runs():
    lua_entry("print(1)")
    before = loader.current()
    change("olga", set_script("print(2)"))
    assert loader.current() == before
    assert [(found.kind, found.title) for found in working().differences()] == [("changed", "print(2)")]


def test_activating_makes_the_draft_the_active_scripts_and_keeps_who_and_why():
    row = lua_entry("print(1)", description="first")
    change("olga", set_script("print(2)"))
    made = activate_draft(working().counter, "olga", "ticket 7")
    assert (script(), LuaEntry.objects.get().pk) == ("print(2)", row.pk)
    assert (made.actor, made.reason, made.version_id) == ("olga", "ticket 7", loader.current().version)
    assert [a.reason for a in Activation.objects.all()] == ["ticket 7", "before the first activation"]
    assert not ScriptDraft.objects.exists()


def test_a_new_order_becomes_the_one_in_which_entries_run_and_each_keeps_its_row():
    rows = [lua_entry(f"print({number})") for number in (1, 2, 3)]
    change("olga", lambda content: content["entries"].reverse())
    activate_draft(working().counter, "olga", "the other way round")
    assert [entry.script for entry in loader.current().entries] == ["print(3)", "print(2)", "print(1)"]
    assert [row.pk for row in LuaEntry.objects.all()] == [row.pk for row in reversed(rows)]


def test_workers_notice_an_activation():
    lua_entry("print(1)")
    cache = loader.ScriptCache()
    assert cache.get().entries[0].script == "print(1)"
    change("olga", set_script("print(2)"))
    assert cache.get().entries[0].script == "print(1)"
    activate_draft(working().counter, "olga", "why not")
    assert cache.get().entries[0].script == "print(2)"


def test_an_entry_with_conditions_inside_conditions_survives_activation():
    inner = {"tag": "CodeValue", "match_expression": "7", "search": False, "private_tag_creator": ""}
    inner["sequence_items"] = []
    outer = {**inner, "tag": "ProcedureCodeSequence", "match_expression": "", "sequence_items": [inner]}
    entry = {"key": "n1", "description": "new", "enabled": True, "library": "a.lua", "conditions": [outer]}
    entry |= {"ae_titles": ["PACS"], "on_error": "fail"}
    change("olga", lambda content: content.update(entries=[entry], libraries={"a.lua": "print(1)"}))
    activate_draft(working().counter, "olga", "new")
    (stored,) = stored_collection()["entries"]
    assert {**stored, "key": "n1"} == entry
    assert EntryCondition.objects.get(tag="CodeValue").parent.tag == "ProcedureCodeSequence"


def test_an_old_activation_can_become_active_again_with_its_disabled_entries():
    lua_entry("print(1)", enabled=False)
    LuaLibrary.objects.create(path="a.lua", source="x")
    first = note_activation("olga", "start")
    change("olga", lambda content: content.update(entries=[], libraries={}))
    activate_draft(working().counter, "olga", "tidy")
    assert not LuaEntry.objects.exists() and not LuaLibrary.objects.exists()
    activate(first.content, "olga", "back")
    assert (script(), LuaEntry.objects.get().enabled, LuaLibrary.objects.get().source) == ("print(1)", False, "x")


def test_a_draft_that_has_moved_on_is_not_activated_by_who_has_not_seen_it():
    lua_entry("print(1)")
    change("olga", set_script("print(2)"))
    seen = working().counter
    change("peter", set_script("print(3)"))
    with pytest.raises(DraftMoved):
        activate_draft(seen, "olga", "mine")
    with pytest.raises(DraftMoved):
        discard(seen)
    assert script() == "print(1)"
    assert working().content["entries"][0]["script"] == "print(3)"


def test_a_part_that_has_changed_under_a_form_is_noticed_and_both_texts_are_kept():
    lua_entry("print(1)")
    mark = mark_of(working().content["entries"][0])
    change("peter", set_script("print('peter')"))

    def save(content):
        check_mark(content["entries"][0], mark)
        set_script("print('olga')")(content)

    with pytest.raises(PartMoved) as caught:
        change("olga", save)
    assert caught.value.theirs["script"] == "print('peter')"
    assert working().content["entries"][0]["script"] == "print('peter')"


def test_what_became_active_meanwhile_is_not_undone_but_taken_over():
    lua_entry("print(1)", description="one")
    change("olga", set_script("print(2)"))
    LuaLibrary.objects.create(path="a.lua", source="imported")
    with pytest.raises(BaseMoved):
        activate_draft(working().counter, "olga", "mine")
    assert LuaLibrary.objects.exists()
    assert take_over("olga") == []
    noted = AuditRecord.objects.get(action="take over active scripts")
    assert (noted.actor, noted.object, noted.detail) == ("olga", "draft", {"changes": ["added: a.lua"]})
    activate_draft(working().counter, "olga", "mine")
    assert script() == "print(2)"
    assert LuaLibrary.objects.get().source == "imported"


def test_what_both_have_changed_is_told_when_it_is_taken_over():
    row = lua_entry("print(1)", description="one")
    change("olga", set_script("print(2)"))
    row.script = "print('imported')"
    row.save()
    (both,) = take_over("olga")
    assert "print('imported')" in both.old and "print(2)" in both.new


def test_a_draft_that_is_the_active_scripts_again_is_none():
    lua_entry("print(1)")
    change("olga", set_script("print(2)"))
    change("olga", set_script("print(1)"))
    assert working().counter == 0


def test_who_has_seen_one_draft_does_not_activate_another():
    lua_entry("print(1)")
    change("olga", set_script("print(2)"))
    seen = working().counter
    discard(seen)
    change("peter", set_script("print(3)"))
    with pytest.raises(DraftMoved):
        activate_draft(seen, "olga", "mine")


def test_a_change_that_fails_halfway_leaves_the_draft_as_it_was():
    lua_entry("print(1)")

    def break_off(content):
        content["entries"].clear()
        raise ValueError

    with pytest.raises(ValueError):
        change("olga", break_off)
    assert working().counter == 0


def test_changes_by_other_ways_are_kept_once():
    lua_entry("print(1)")
    assert note_activation("olga", "edited in admin").actor == "olga"
    assert note_activation("olga", "edited in admin") is None

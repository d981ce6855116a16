"""The script pages: entries, library files, draft, activation and the way back."""

import re

import pytest
from django.urls import reverse

from routing.models import AuditRecord
from scripts_app import loader
from scripts_app.activation import stored_collection
from scripts_app.draft import working
from scripts_app.models import Activation, LuaEntry, LuaLibrary, ScriptDraft
from scripts_app.urls import urlpatterns
from tests.builders import lua_entry
from tests.pages import authors
from tests.pages.authors import ENTRY, activate, many_conditions, mark
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db
author = authors.author


def address_of(name):
    given = {"key": "1", "path": "a.lua", "activation_id": 1, "version_id": 1, "test_id": 1}
    given |= {"number": 1, "sample_id": 1, "capture_id": 1, "kind": "called"}
    return reverse(name, kwargs={key: given[key] for key in given if f":{key}>" in str(pattern(name).pattern)})


def pattern(name):
    return next(found for found in urlpatterns if found.name == name)


@pytest.mark.parametrize("name", [found.name for found in urlpatterns])
@pytest.mark.parametrize("role", ["nobody", "viewer", "operator"])
def test_only_script_authors_reach_more_than_the_lists(name, role):
    client, address = visitor(role), address_of(name)
    lists = {"scripts", "script_titles", "script_versions", "script_version", "script_version_of"}
    if role != "nobody" and name in lists:
        assert client.get(address).status_code in (200, 404)
        return
    assert (client.get(address).status_code, client.post(address).status_code) in ((403, 403), (405, 403), (403, 405))
    assert not ScriptDraft.objects.exists()


def test_nobody_reaches_a_script_page_without_logging_in(client):
    for found in urlpatterns:
        answer = client.post(address_of(found.name))
        # What was saved leads elsewhere by the same status.
        assert answer.status_code == 302 and answer.url.startswith(reverse("login")), found.name


def test_a_viewer_sees_what_is_active_and_no_button(author):
    lua_entry("print('active')", description="runs")
    key = str(LuaEntry.objects.get().pk)
    author.post(
        reverse("script_entry", args=[key]), {**ENTRY, "mark": mark(author, reverse("script_entry", args=[key]))}
    )
    seen = visitor("viewer").get(reverse("scripts"))
    assert "print('active')" in words(seen)
    assert "to the AI server" not in words(seen)
    assert seen.content.decode().count('<form method="post"') == 1
    assert "to the AI server changed in the draft" in words(author.get(reverse("scripts")))


def test_a_new_entry_is_a_draft_until_it_is_activated_with_a_reason(author):
    answer = author.post(reverse("script_entry_new"), ENTRY)
    assert answer.status_code == 302
    assert not LuaEntry.objects.exists()
    assert "Nothing of it runs yet" in words(author.get(answer.url))
    refused = activate(author, " ")
    assert refused.status_code == 422 and "Say why" in words(refused)
    assert activate(author).status_code == 302
    (entry,) = loader.active().entries
    assert (entry.script, entry.ae_titles, entry.on_error) == ("route:Add('AI')\nprint(1)", ("PACS",), "fail")
    assert [(c.tag, [i.tag for i in c.sequence_items]) for c in entry.conditions] == [
        ("Modality", []),
        ("ProcedureCodeSequence", ["CodeValue"]),
    ]
    record = AuditRecord.objects.get(action="activate scripts")
    assert (record.actor, record.detail["reason"]) == ("the script author", "ticket 7")
    assert record.detail["changes"] == ["added: to the AI server"]
    assert "ticket 7" in words(visitor("viewer").get(reverse("script_versions")))


def test_the_same_page_saves_no_second_new_entry(author):
    """Sent again because the answer was lost, or after Back."""
    key = author.get(reverse("script_entry_new")).context["new_key"]
    sent = {**ENTRY, "mark": "", "new_key": key}
    addresses = {author.post(reverse("script_entry_new"), sent).url for _ in range(2)}
    assert addresses == {reverse("script_entry", args=[key])}
    again = author.post(reverse("script_entry_new"), {**sent, "script": "print('after Back')"})
    assert (again.status_code, again.context["key"]) == (409, key)
    author.post(again.context["action"], {**sent, "script": "print('after Back')", "mark": again.context["mark"]})
    assert [entry["script"] for entry in working().content["entries"]] == ["print('after Back')"]
    assert author.post(reverse("script_entry_new"), {**sent, "new_key": "../1"}).url not in addresses


def test_a_new_entry_keeps_its_address_when_it_is_activated(author):
    address = author.post(reverse("script_entry_new"), ENTRY).url
    activate(author)
    assert author.get(address).status_code == 200
    assert address in author.get(reverse("scripts")).content.decode()


def test_a_window_that_was_open_when_a_new_entry_was_activated_saves_that_entry(author):
    address = author.post(reverse("script_entry_new"), ENTRY).url
    seen = mark(author, address)
    activate(author)
    assert author.post(address, {**ENTRY, "script": "print('later')", "mark": seen}).status_code == 302
    refused = author.post(address, {**ENTRY, "script": "print('blind')", "mark": seen})
    assert refused.status_code == 409
    assert "somebody else has changed this meanwhile" in words(refused)
    activate(author)
    assert LuaEntry.objects.get().script == "print('later')"


def test_an_entry_that_a_roll_back_brings_back_has_the_address_that_it_had(author):
    address = reverse("script_entry", args=[lua_entry("print(1)", description="one").pk])
    author.post(f"{address}delete/", {"mark": mark(author, address)})
    activate(author)
    author.post(reverse("script_roll_back", args=[Activation.objects.last().pk]))
    assert "print(1)" in words(author.get(address))
    assert "This is what is active" in words(author.get(reverse("script_version", args=[Activation.objects.last().pk])))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"script": " "}, "the script is empty"),
        ({"ae_titles": ["PAKS"]}, "'PAKS' is no Storage node; did you mean 'PACS'?"),
        ({"c_tag": ["Modalty", "X", "Y"]}, "did you mean Modality?"),
        ({"library": "a.lua"}, "no library file 'a.lua'"),
        ({"c_match_expression": ["^(", "", "1"]}, "a parenthesis is not closed"),
        (many_conditions(1001), "1001 conditions: a page saves at most 1000"),
    ],
)
def test_a_wrong_entry_is_not_saved_and_nothing_written_is_lost(author, fields, told):
    answer = author.post(reverse("script_entry_new"), {**ENTRY, **fields})
    assert answer.status_code == 422
    assert told in words(answer)
    assert "?." not in words(answer)
    assert 'value="to the AI server"' in answer.content.decode()
    assert not ScriptDraft.objects.exists()


@pytest.mark.fault(71, "if then, in a draft")
def test_half_a_script_may_stay_in_the_draft_and_keeps_it_from_being_activated(author):
    author.post(reverse("script_entry_new"), {**ENTRY, "script": "if then"})
    assert "cannot be activated" in words(author.get(reverse("script_draft")))
    answer = activate(author)
    assert answer.status_code == 422
    assert "to the AI server, line 1: unexpected symbol near 'then'" in words(answer)
    assert not LuaEntry.objects.exists()


def test_two_people_who_edit_one_entry_meet_on_a_page_with_both_texts(author):
    lua_entry("print('old')", description="shared")
    address = reverse("script_entry", args=[LuaEntry.objects.get().pk])
    seen = mark(author, address)
    other = visitor("administrator")
    other.post(address, {**ENTRY, "script": "print('theirs')", "mark": seen})
    answer = author.post(address, {**ENTRY, "script": "print('mine')", "mark": seen})
    assert answer.status_code == 409
    assert "print('theirs')" in words(answer) and "print('mine')" in words(answer)
    assert working().content["entries"][0]["script"] == "print('theirs')"
    again = author.post(address, {**ENTRY, "script": "print('both')", "mark": answer.context["mark"]})
    assert again.status_code == 302
    assert working().content["entries"][0]["script"] == "print('both')"


def test_entries_move_and_switch_by_buttons(author):
    first, second = lua_entry("print(1)", description="one"), lua_entry("print(2)", description="two")
    answer = author.post(reverse("script_entry_up", args=[second.pk]), headers=HTMX)
    assert words(answer).index("print(2)") < words(answer).index("print(1)")
    assert "<html" not in answer.content.decode()
    author.post(reverse("script_entry_up", args=[second.pk]))
    author.post(reverse("script_entry_toggle", args=[first.pk]))
    activate(author)
    assert [(e.description, e.enabled) for e in LuaEntry.objects.all()] == [("two", True), ("one", False)]


def test_an_entry_is_removed_only_by_activating(author):
    row = lua_entry("print(1)", description="one")
    address = reverse("script_entry", args=[row.pk])
    author.post(reverse("script_entry_delete", args=[row.pk]), {"mark": mark(author, address)})
    assert LuaEntry.objects.exists()
    activate(author)
    assert not LuaEntry.objects.exists()


def test_a_library_is_made_edited_and_kept_while_somebody_needs_it(author):
    for path, told in (("a.txt", "must end in .lua"), ("../a.lua", "must not contain '..'"), ("/a.lua", "relative")):
        answer = author.post(reverse("script_library_new"), {"path": path, "source": "x = 1"})
        assert answer.status_code == 422 and told in words(answer)
    author.post(reverse("script_library_new"), {"path": "libs/a.lua", "source": "x = 1"})
    address = reverse("script_library", args=["libs/a.lua"])
    author.post(address, {"source": "x = 2\r\n", "mark": mark(author, address)})
    lua_entry("include('libs/a.lua')", description="needs it")
    author.post(reverse("script_take_over"))
    assert "used by needs it" in words(author.get(address))
    author.post(reverse("script_library_delete", args=["libs/a.lua"]))
    activate(author)
    assert LuaLibrary.objects.get().source == "x = 2\n"


def test_rolling_back_makes_old_scripts_active_again(author):
    author.post(reverse("script_entry_new"), {**ENTRY, "script": "print('first')"})
    activate(author, "first")
    key = working().content["entries"][0]["key"]
    address = reverse("script_entry", args=[key])
    author.post(address, {**ENTRY, "script": "print('second')", "mark": mark(author, address)})
    activate(author, "second")
    wanted = Activation.objects.get(reason="first")
    shown = author.get(reverse("script_version", args=[wanted.pk]), {"against": "active"})
    assert "print('first')" in words(shown) and "print('second')" in words(shown)
    author.post(reverse("script_roll_back", args=[wanted.pk]), {"reason": "images were lost"})
    assert loader.active().entries[0].script == "print('first')"
    assert Activation.objects.first().reason == "images were lost"
    assert AuditRecord.objects.get(action="roll back scripts").detail["to"] == wanted.pk


def test_a_roll_back_on_an_old_page_undoes_nothing_that_came_meanwhile(author):
    author.post(reverse("script_entry_new"), {**ENTRY, "script": "print('first')"})
    activate(author, "first")
    wanted = Activation.objects.get(reason="first")
    key = working().content["entries"][0]["key"]
    address = reverse("script_entry", args=[key])
    for reason in ("broken", "put right"):
        script = f"print('{reason}')"
        author.post(address, {**ENTRY, "script": script, "mark": mark(author, address)})
        activate(author, reason)
    put_right = Activation.objects.first()
    address = reverse("script_roll_back", args=[wanted.pk])
    told = words(author.post(address, {"last": put_right.pk - 1}, follow=True))
    assert f"Not activated: activation {put_right.pk} by the script author came meanwhile" in told
    assert Activation.objects.first() == put_right
    page = author.get(reverse("script_version", args=[wanted.pk])).content.decode()
    (last,) = re.findall(r'name="last" value="(\d+)"', page)
    author.post(address, {"last": last})
    assert loader.active().entries[0].script == "print('first')"


def test_a_roll_back_undoes_nothing_that_came_while_it_was_looked_through(author, monkeypatch):
    author.post(reverse("script_entry_new"), {**ENTRY, "script": "print('first')"})
    activate(author, "first")
    wanted = Activation.objects.get(reason="first")
    key = working().content["entries"][0]["key"]
    address = reverse("script_entry", args=[key])
    author.post(address, {**ENTRY, "script": "print('broken')", "mark": mark(author, address)})
    activate(author, "broken")
    seen = Activation.objects.first().pk
    author.post(address, {**ENTRY, "script": "print('put right')", "mark": mark(author, address)})

    def meanwhile(content, ae_titles):
        monkeypatch.undo()
        activate(author, "put right")
        return []

    monkeypatch.setattr("scripts_app.views.versions.faults", meanwhile)
    author.post(reverse("script_roll_back", args=[wanted.pk]), {"last": seen})
    assert Activation.objects.first().reason == "put right"
    assert loader.active().entries[0].script == "print('put right')"


def test_what_would_undo_somebody_elses_activation_is_not_activated(author):
    author.post(reverse("script_entry_new"), ENTRY)
    LuaLibrary.objects.create(path="b.lua", source="imported = 1")
    answer = activate(author)
    assert answer.status_code == 409
    assert "have changed since this draft began" in words(answer)
    author.post(reverse("script_take_over"))
    answer = activate(author)
    assert answer.status_code == 302, words(answer)
    assert set(stored_collection()["libraries"]) == {"b.lua"} and LuaEntry.objects.exists()


def test_a_draft_can_be_discarded_by_who_has_seen_it(author):
    author.post(reverse("script_entry_new"), ENTRY)
    assert author.post(reverse("script_discard"), {"counter": "99"}).status_code == 409
    author.post(reverse("script_discard"), {"counter": working().counter})
    assert not ScriptDraft.objects.exists()
    assert AuditRecord.objects.filter(action="discard draft").exists()


def test_hostile_text_stays_text_on_every_script_page(author):
    from tests.pages.test_hostile_values import ATTRIBUTE, MARKUP, SCRIPT, alive

    for text in (MARKUP, ATTRIBUTE, SCRIPT):
        fields = {**ENTRY, "description": text, "script": f"-- {text}", "c_match_expression": [text, "", text]}
        answer = author.post(reverse("script_entry_new"), {**fields, "ae_titles": [text]})
        assert alive(answer) == []
        author.post(reverse("script_library_new"), {"path": f"{text}.lua", "source": text})
        saved = author.post(reverse("script_entry_new"), {**fields, "c_match_expression": ["CT", "", "x"]})
        pages = [reverse("scripts"), reverse("script_draft"), reverse("script_versions")]
        for page in [*pages, *([saved.url] if saved.status_code == 302 else [])]:
            assert alive(author.get(page)) == [], page

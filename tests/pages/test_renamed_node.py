"""A node gets another AE title or role while images wait for it: no page loses them."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from routing.models import AuditRecord, HistoryEntry, Node, QueueItem
from scripts_app.activation import last_activation, note_activation, stored_collection
from scripts_app.draft import change, working
from scripts_app.models import LuaEntry, ScriptTest
from scripts_app.trying import script_tests
from scripts_app.trying.samples import Sample
from scripts_app.trying.script_tests import keep, run_all
from tests.builders import lua_entry, node, queue_item
from tests.pages.filled_form import filled_form
from tests.pages.people import visitor, words
from tests.routing.administration import administrators

pytestmark = pytest.mark.django_db
boss = administrators.boss
PLACES = ["/nodes/{}/", "/admin/routing/node/{}/change/"]


def save(client, place, row, **fields):
    address = place.format(row.pk)
    return client.post(address, filled_form(client.get(address)) | fields)


@pytest.mark.parametrize("place", PLACES)
def test_what_waits_for_a_node_follows_its_new_ae_title(boss, place):
    night = node("NIGHT2", paused=True)
    waiting = [queue_item("New", node=night), queue_item(node=night, lease_owner="host:1:me")]
    waiting += [queue_item(state, node=night) for state in ("Failed", "Rejected", "Expired")]
    gone = [queue_item(state, node=night) for state in ("Delivered", "Dropped")]
    other = queue_item(node=node("OTHER"))
    before = waiting[1].updated_at
    assert save(boss, place, night, ae_title="NIGHT").status_code == 302
    titles = dict(QueueItem.objects.values_list("pk", "destination_ae_title"))
    assert {titles[item.pk] for item in waiting} == {"NIGHT"}
    assert ({titles[item.pk] for item in gone}, titles[other.pk]) == ({"NIGHT2"}, "OTHER")
    waiting[1].refresh_from_db()
    assert (waiting[1].state, waiting[1].lease_owner, waiting[1].updated_at) == ("Prepared", "host:1:me", before)
    told = HistoryEntry.objects.order_by("item").values_list("item", "from_state", "to_state", "actor", "note")
    assert list(told) == [(i.pk, i.state, i.state, "boss", "NIGHT2 is NIGHT now") for i in waiting]
    assert "no node" not in words(boss.get("/"))
    assert "paused; 2 images wait" in words(boss.get("/"))
    assert "5 items in the queue are for it" in words(boss.get(f"/nodes/{night.pk}/delete/"))
    assert "All 5" in words(boss.get("/queue/?destination=NIGHT"))


@pytest.mark.parametrize("place", PLACES)
def test_the_entries_that_are_for_a_node_follow_its_new_ae_title(boss, place):
    night = node("NIGHT2")
    node("OTHER")
    lua_entry("print(1)", description="for both", ae_titles=["OTHER", "NIGHT2"])
    lua_entry("print(2)", description="for the other", ae_titles=["OTHER"])
    lua_entry("print(3)", description="for all")
    change("anna", lambda content: content["entries"][0].update(script="print('draft')"))
    assert save(boss, place, night, ae_title="NIGHT").status_code == 302
    assert list(LuaEntry.objects.values_list("ae_titles", flat=True)) == [["OTHER", "NIGHT"], ["OTHER"], []]
    made = last_activation()
    assert (made.actor, made.reason, made.content) == ("boss", "node NIGHT2 is NIGHT now", stored_collection())
    assert AuditRecord.objects.get(action="activate scripts").detail["changes"] == ["changed: for both"]
    draft = working()
    assert (draft.base, draft.content["entries"][0]["ae_titles"]) == (stored_collection(), ["OTHER", "NIGHT"])
    assert [found.title for found in draft.differences()] == ["for both"]


def test_the_tests_of_scripts_that_are_for_a_node_follow_its_new_ae_title(boss, monkeypatch):
    """Else the entries would not run in them, and none of them let a draft become active."""

    def answer(question):
        to = question["destination"]
        change = {"tag": "0010,0010", "keyword": "PatientName", "old": "A^B", "new": "ANON"}
        ran = [entry for entry in question["content"]["entries"] if to in entry["ae_titles"]]
        output = {"destination": to, "original": True, "changes": [change for _ in ran]}
        return {"result": {"result": "prepared", "message": "", "outputs": [output], "item_log": [], "log": []}}

    monkeypatch.setattr(script_tests, "ask", answer)
    night = node("NIGHT2")
    lua_entry("dataset:Set('PatientName', 'ANON')", ae_titles=["NIGHT2"])
    given = {
        "nodes": {"NIGHT2": {"echo": False, "failed": 3}, "OTHER": {"echo": None, "failed": 1}},
        "items": [{"count": 2, "state": "Failed", "destination_ae_title": "NIGHT2", "of_this_study": False}],
    }
    question = {"content": stored_collection(), "source": "CT1", "destination": "NIGHT2", "given": given}
    test = keep("the name goes", Sample("bundled", "CT", "CT"), question, User.objects.get())
    check = {"kind": "goes", "destination": "NIGHT2", "path": "", "value": ""}
    ScriptTest.objects.update(expected=test.expected | {"checks": [check]})
    save(boss, PLACES[0], night, ae_title="NIGHT")
    (run,) = run_all(stored_collection())
    assert run.problems == []
    assert (run.test.destination_ae_title, run.test.expected["checks"][0]["destination"]) == ("NIGHT", "NIGHT")
    assert list(run.test.given["nodes"]) == ["NIGHT", "OTHER"]
    assert run.test.given["items"][0]["destination_ae_title"] == "NIGHT"


def test_the_way_back_to_before_a_renaming_finds_the_node_by_its_alias(boss):
    night = node("NIGHT2")
    lua_entry("print(1)", ae_titles=["NIGHT2"])
    before = note_activation("anna", "as it was")
    save(boss, PLACES[0], night, ae_title="NIGHT", aliases="NIGHT2")
    LuaEntry.objects.get().delete()
    note_activation("anna", "a mistake")
    author = visitor("script author")
    said = words(author.post(f"/scripts/versions/{before.pk}/roll-back/", {"last": last_activation().pk}, follow=True))
    assert f"Activation {before.pk} is active again" in said
    assert LuaEntry.objects.get().ae_titles == ["NIGHT"]


@pytest.mark.parametrize("place", PLACES)
def test_entries_stay_with_the_storage_node_that_they_are_for(boss, place):
    node("NIGHT")
    other = node("NIGHT", role="Worklist")
    lua_entry("print(1)", ae_titles=["NIGHT"])
    assert save(boss, place, other, ae_title="DAY", role="Storage").status_code == 302
    assert LuaEntry.objects.get().ae_titles == ["NIGHT"]


@pytest.mark.parametrize("place", PLACES)
def test_who_renames_a_node_hears_what_still_calls_it_by_its_old_title(boss, place):
    night = node("NIGHT2")
    lua_entry("route:Add('NIGHT2')", description="CT, too")
    lua_entry("print(1)", ae_titles=["NIGHT2"])
    save(boss, place, night, ae_title="NIGHT")
    told = words(boss.get(PLACES[0].format(night.pk)))
    assert "Nothing is called NIGHT2 any more: senders that call it are refused." in told
    assert "In vain from now on: the entry “CT, too” sends to it (line 1). Give NIGHT the alias NIGHT2" in told
    save(boss, place, night, ae_title="DAY", aliases="NIGHT")
    assert "any more" not in words(boss.get(PLACES[0].format(night.pk)))


def test_a_node_that_no_entry_is_for_leaves_the_scripts_alone():
    night = node("NIGHT2")
    lua_entry("print(1)")
    save(visitor("administrator"), PLACES[0], night, ae_title="NIGHT")
    assert last_activation() is None


def test_a_renaming_hides_nobodys_deed():
    night = node("NIGHT2")
    item = queue_item(node=night)
    operator = visitor("operator")
    operator.post(f"/queue/{item.pk}/fail/")
    save(visitor("administrator"), PLACES[0], night, ae_title="NIGHT")
    told = words(operator.get(f"/queue/{item.pk}/"))
    assert "the operator said that it has failed" in told
    assert "Node renamed Failed · the administrator" in told


@pytest.mark.parametrize(("press", "state"), [("send-again", "Delivered"), ("prepare-again", "Dropped")])
def test_what_comes_back_into_the_queue_waits_for_the_title_of_today(press, state):
    night = node("NIGHT2")
    item = queue_item(state, node=night, prepared_at=timezone.now(), finished_at=timezone.now())
    Node.objects.update(ae_title="NIGHT")
    client = visitor("operator")
    client.post(f"/queue/{item.pk}/{press}/")
    item.refresh_from_db()
    assert (item.destination_ae_title, item.node) == ("NIGHT", night)


def test_what_lost_its_node_keeps_the_title_that_it_had():
    item = queue_item("Delivered", destination_ae_title="GONE", prepared_at=timezone.now())
    visitor("operator").post(f"/queue/{item.pk}/send-again/")
    item.refresh_from_db()
    assert (item.state, item.destination_ae_title) == ("Prepared", "GONE")


@pytest.mark.parametrize("place", PLACES)
def test_a_node_that_images_wait_for_keeps_its_role(boss, place):
    busy, free = node("BUSY"), node("FREE")
    queue_item("Failed", node=busy)
    queue_item("Delivered", node=free)
    answer = save(boss, place, busy, role="Worklist")
    assert "images are queued for it (1): let them be sent or move them first, or disable the node" in words(answer)
    assert save(boss, place, free, role="Worklist").status_code == 302
    assert set(Node.objects.values_list("ae_title", "role")) == {("BUSY", "Storage"), ("FREE", "Worklist")}


def test_only_what_is_addressed_to_the_router_is_told_to_be():
    queue_item("New", destination_ae_title="CAPACITOR")
    queue_item("New", destination_ae_title="GONE")
    told = words(visitor().get("/"))
    assert told.count("Images addressed to the router itself") == 1
    assert "Its node has been removed" in told

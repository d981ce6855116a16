"""Entries by the thousand: a page shows some, a search finds the others, and the order is that of all of them."""

import re

import pytest
from django.urls import reverse

from scripts_app.draft import working
from scripts_app.models import EntryCondition, LuaEntry
from tests.builders import lua_entry, node
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_on_a_page(monkeypatch):
    monkeypatch.setattr("scripts_app.entry_search.PAGE", 3)


@pytest.fixture
def seven():
    return [lua_entry(f"print({number})", description=f"entry {number}") for number in range(1, 8)]


def titles(answer):
    return re.findall(r'<h2><a href="[^"]+">([^<]*)</a>', answer.content.decode())


def in_order():
    return [entry["description"].removeprefix("entry ") for entry in working().content["entries"]]


def moved(entry, way, *, query="", headers=HTMX, **fields):
    return visitor("script author").post(
        reverse(f"script_entry_{way}", args=[entry.pk]) + query, fields, headers=headers
    )


def test_entries_come_in_pages_and_each_says_its_place_among_all(seven):
    LuaEntry.objects.filter(pk=seven[0].pk).update(enabled=False)
    author = visitor("script author")
    assert titles(author.get("/scripts/")) == ["entry 1", "entry 2", "entry 3"]
    second = author.get("/scripts/?page=2")
    assert titles(second) == ["entry 4", "entry 5", "entry 6"] and "4 to 6 of 7" in words(second)
    assert "Move entry 4, 4 of 7:" in second.content.decode()
    assert 'title="entry 3 in messages"' in second.content.decode(), "those that run are counted from the first page on"
    assert 'data-before="3" data-total="7"' in second.content.decode(), "what is dragged is dropped at a place of all"
    assert titles(author.get("/scripts/?page=99")) == ["entry 7"]


def test_only_the_first_and_the_last_of_all_can_go_no_further(seven):
    for number, off in ((1, [f"up-{seven[0].pk}"]), (2, []), (3, [f"down-{seven[6].pk}"])):
        page = visitor("script author").get(f"/scripts/?page={number}").content.decode()
        assert re.findall(r'<button [^>]*id="([^"]+)"[^>]* disabled>', page) == off


@pytest.mark.parametrize("text", ["wanted", "ARCHIVE", "PatientSex", "^F$", "a_rare_word", "needle"])
def test_an_entry_is_found_by_what_is_told_of_it(seven, text):
    found = lua_entry("a_rare_word()", description="Wanted", ae_titles=["ARCHIVE"])
    outer = EntryCondition.objects.create(entry=found, tag="PatientSex", match_expression="^F$")
    EntryCondition.objects.create(entry=found, parent=outer, tag="CodeValue", match_expression="needle")
    answer = visitor("script author").get(f"/scripts/?q={text.replace('^', '%5E')}", headers=HTMX)
    assert titles(answer) == ["Wanted"] and "1 of 8 entries match" in words(answer)


def test_a_viewer_searches_too_and_nothing_found_says_so(seven):
    viewer = visitor("viewer")
    assert "entry 7" in words(viewer.get("/scripts/?q=print(7)")) and "entry 1" not in words(
        viewer.get("/scripts/?q=print(7)")
    )
    assert "No entry matches" in words(viewer.get("/scripts/?q=nothing"))


def test_an_entry_that_leaves_its_page_is_followed_there(seven):
    answer = moved(seven[2], "down")
    assert in_order() == ["1", "2", "4", "3", "5", "6", "7"]
    assert "entry 3: 4 of 7" in words(answer) and titles(answer)[0] == "entry 3"
    assert answer.headers["HX-Replace-Url"] == "/scripts/?page=2"
    back = moved(seven[2], "up", query="?page=2&called=PACS", headers=None)
    assert in_order() == ["1", "2", "3", "4", "5", "6", "7"]
    assert back.headers["Location"] == f"/scripts/?called=PACS#entry-{seven[2].pk}"


def test_a_place_is_written_across_pages(seven):
    answer = moved(seven[6], "place", query="?page=3", place="2")
    assert in_order() == ["1", "7", "2", "3", "4", "5", "6"]
    assert titles(answer) == ["entry 1", "entry 7", "entry 2"] and "entry 7: 2 of 7" in words(answer)
    moved(seven[6], "place", place="999")
    assert in_order()[-1] == "7"
    assert moved(seven[6], "place", place="-1").status_code == 400


def test_what_is_found_moves_past_no_entry_that_is_out_of_sight(seven):
    found = visitor("script author").get("/scripts/?q=entry 5").content.decode()
    assert "grip-" not in found and "data-entries" not in found
    assert not re.search(r'id="(up|down)-', found), "up and down would pass entries that nobody sees"
    assert re.search(r'name="place" min="1" max="7" value="5"', found)
    answer = moved(seven[4], "place", query="?q=entry+5", place="1")
    assert in_order()[0] == "5" and titles(answer) == ["entry 5"], "the search stays"
    assert answer.headers["HX-Replace-Url"] == "/scripts/?q=entry+5"


def test_few_entries_ask_for_no_place(seven):
    LuaEntry.objects.exclude(description="entry 1").delete()
    assert re.search(
        r'<form method="post" class="place"[^>]* hidden>', visitor("script author").get("/scripts/").content.decode()
    )


def test_whoever_switches_one_stays_on_the_page(seven):
    answer = moved(seven[4], "toggle", query="?page=2")
    assert titles(answer) == ["entry 4", "entry 5", "entry 6"]
    assert not working().content["entries"][4]["enabled"]


def test_a_title_that_nobody_can_call_is_told_with_the_nearest_one(seven):
    node("PACS")
    told = words(visitor("viewer").get("/scripts/?called=DCP_PAKS"))
    assert "Called AE title is left out: 'DCP_PAKS' leads to no node; did you mean 'DCP_PACS'?" in told
    assert "entry 1" in told
    assert "200 characters" in words(visitor("viewer").get(f"/scripts/?q={'x' * 201}"))

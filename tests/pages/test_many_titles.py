"""Nodes by the thousand: pages of scripts hold few of their AE titles, and suggest some for what is written."""

import re

import pytest
from django.urls import reverse

from routing.models import Node
from scripts_app.draft import working
from scripts_app.models import SampleCapture
from tests.builders import lua_entry, node
from tests.pages import authors
from tests.pages.authors import ENTRY
from tests.pages.people import HTMX, words

pytestmark = pytest.mark.django_db
author = authors.author


@pytest.fixture
def many(author):
    Node.objects.bulk_create(Node(ae_title=f"NODE_{number:04}", host="localhost", port=104) for number in range(1000))
    return author


def options(answer):
    return re.findall(r'<option value="([^"]*)"', answer.content.decode())


def ticked(answer):
    return re.findall(r'name="ae_titles" value="([^"]+)" checked', answer.content.decode())


@pytest.mark.parametrize("name", ["scripts", "script_entry_new", "script_library_new", "script_samples"])
def test_a_page_does_not_grow_with_the_nodes(many, name):
    page = many.get(reverse(name)).content.decode()
    assert page.count("NODE_") < 10 and "<datalist" in page


def test_few_nodes_are_ticked_and_chosen_from_as_ever(author):
    page = author.get(reverse("script_entry_new")).content.decode()
    assert "<datalist" not in page and 'name="ae_titles" value="PACS"' in page and "<select" in page


@pytest.mark.parametrize(
    ("kind", "written", "first", "count"),
    [
        ("node", "called=node_09", "NODE_0900", 60),
        ("node", "ae_titles=0999", "NODE_0999", 1),
        ("called", "called=dcp_node_0999", "DCP_NODE_0999", 1),
        ("destination", "destination=PACS", "PACS", 2),
        ("node", "q_destination=nothing", None, 0),
        ("node", "", "NODE_0000", 60),
    ],
)
def test_what_is_written_is_answered_with_what_it_may_become(many, kind, written, first, count):
    found = options(many.get(f"/scripts/titles/{kind}/?{written}", headers=HTMX))
    assert (found[:1] or [None]) == [first] and len(found) == count


def test_suggestions_of_nothing_known_are_not_found(many):
    assert many.get("/scripts/titles/other/").status_code == 404


def test_a_title_is_added_and_another_taken_off_without_any_script_in_the_browser(many):
    saved = many.post(reverse("script_entry_new"), {**ENTRY, "ae_titles": ["PACS", " NODE_0007 "]})
    assert ticked(many.get(saved.url)) == ["PACS", "NODE_0007"]
    mark = many.get(saved.url).context["mark"]
    many.post(saved.url, {**ENTRY, "ae_titles": ["NODE_0007", ""], "mark": mark})
    assert working().content["entries"][0]["ae_titles"] == ["NODE_0007"]


def test_the_button_ticks_what_is_written(many):
    answer = many.post(reverse("script_entry_titles"), {"ae_titles": ["PACS", "NODE_0007"]}, headers=HTMX)
    assert ticked(answer) == ["PACS", "NODE_0007"]
    assert 'id="another-title" name="ae_titles" value=""' in answer.content.decode()
    assert not working().counter, "nothing is saved by it"


def test_a_title_that_is_none_is_told_with_the_nearest_one_and_stays_to_be_put_right(many):
    written = {"ae_titles": ["PACS", "NODE0007"]}
    answer = many.post(reverse("script_entry_titles"), written, headers=HTMX)
    assert "'NODE0007' is no Storage node; did you mean 'NODE_0007'?" in words(answer)
    refused = many.post(reverse("script_entry_new"), {**ENTRY, **written})
    assert refused.status_code == 422 and "'NODE0007' is no Storage node; did you mean" in words(refused)
    for page in (answer, refused):
        assert ticked(page) == ["PACS"]
        assert 'id="another-title" name="ae_titles" value="NODE0007"' in page.content.decode()


def test_a_node_that_is_gone_stays_ticked_until_somebody_takes_it_off(many):
    entry = lua_entry("print(1)", description="old", ae_titles=["GONE"])
    assert ticked(many.get(reverse("script_entry", args=[entry.pk]))) == ["GONE"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"destination": "PAKS"}, "for: no node has the AE title 'PAKS'; did you mean 'PACS'?"),
        (
            {"given_queue": "set", "q_count": "1", "q_state": "Failed", "q_destination": "PAKS", "q_study": "this"},
            "items in the queue: no node has the AE title 'PAKS'; did you mean 'PACS'?",
        ),
        ({"n_title": "PAKS", "n_echo": "yes", "n_failed": ""}, "nodes: no node has the AE title 'PAKS'; did you mean"),
    ],
)
def test_a_dry_run_for_nobody_says_who_may_be_meant(author, fields, told):
    author.post(reverse("script_sample"), {"bundled": "CT"})
    assert told in words(author.post(reverse("script_dry_run"), {**ENTRY, **fields}, headers=HTMX))


def test_nobody_waits_for_an_image_that_no_sender_can_address(author):
    answer = author.post(reverse("script_capture"), {"name": "next", "called": "PAKS", "deidentify": "on"})
    assert answer.status_code == 422 and "'PAKS' leads to no node; did you mean 'PACS'?" in words(answer)
    assert not SampleCapture.objects.exists()


def test_entries_of_a_node_that_was_called_are_found_among_many(many):
    lua_entry("print(1)", description="for another", ae_titles=["PACS"])
    assert "Not for NODE_0007" in words(many.get("/scripts/?called=DCP_NODE_0007"))
    assert node("LAST").ae_title in options(many.get("/scripts/titles/called/?called=LAST"))

"""The queue page: tabs, filters in the address, pages by id."""

import re

import pytest

from routing.views import queue as queue_page
from tests.builders import node, queue_item
from tests.pages.people import HTMX, visitor

pytestmark = pytest.mark.django_db


def shown(answer):
    return [int(item) for item in re.findall(r'<tr id="row-(\d+)"', answer.content.decode())]


def test_the_newest_item_stands_first():
    queue_item(id=5)
    queue_item(id=7)
    assert shown(visitor().get("/queue/")) == [7, 5]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("state=Failed", [1]),
        ("destination=AI", [2]),
        ("source=MR_9", [3]),
        ("modality=MG", [4]),
        ("study=9.9.9", [5]),
        ("q=1.2.840.777", [6]),
        ("q=7", [7]),
        ("q=SMITH", [8]),
        ("q=ID-8", [8]),
        ("q=ACC-8", [8]),
        ("q=ConneCtion", [1]),
        ("state=Failed&destination=AI", []),
        ("state=Nonsense", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("before=nonsense", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("after=99999999999999999999999999", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("destination=%00", [8, 7, 6, 5, 4, 3, 2, 1]),
    ],
)
def test_the_address_says_what_is_shown(filters, found):
    queue_item("Failed", id=1, last_error="no connection")
    queue_item(id=2, node=node("AI"))
    queue_item(id=3, source_ae_title="MR_9")
    queue_item(id=4, modality="MG")
    queue_item(id=5, study_instance_uid="9.9.9")
    queue_item(id=6, sop_instance_uid="1.2.840.777.1")
    queue_item(id=7)
    queue_item(id=8, patient_name="SMITH^J", patient_id="ID-8", accession_number="ACC-8")
    assert shown(visitor(phi=True).get(f"/queue/?{filters}")) == found


@pytest.mark.parametrize("text", ["SMITH", "ID-8", "ACC-8", "secret"])
def test_a_search_tells_nothing_about_patients_to_those_who_may_not_see_them(text):
    queue_item("Failed", patient_name="SMITH^J", patient_id="ID-8", accession_number="ACC-8", last_error="secret")
    answer = visitor().get(f"/queue/?q={text}")
    assert shown(answer) == []
    assert 'count">0<' in answer.content.decode()


def test_the_tabs_count_what_the_other_filters_leave():
    queue_item("Failed", modality="MG")
    queue_item("Failed", modality="CT")
    queue_item("Delivered", modality="MG")
    seen = visitor().get("/queue/?modality=MG&state=Failed").content.decode()
    tabs = re.findall(r'href="([^"]*)"[^>]*>\s*(\w+) <span class="count">(\d+)', seen)
    assert [(name, int(count)) for _, name, count in tabs] == [
        *(("All", 2), ("New", 0), ("Prepared", 0), ("Failed", 1), ("Rejected", 0)),
        *(("Expired", 0), ("Delivered", 1), ("Dropped", 0)),
    ]
    assert tabs[0][0] == "?modality=MG"
    assert tabs[6][0] == "?modality=MG&amp;state=Delivered"


def test_pages_go_on_where_the_last_one_ended_even_when_the_list_grows(monkeypatch):
    monkeypatch.setattr(queue_page, "PAGE", 3)
    for number in range(1, 9):
        queue_item("Prepared", id=number)
    client = visitor()
    first = client.get("/queue/?state=Prepared")
    assert shown(first) == [8, 7, 6]
    older = re.search(r'rel="next" href="([^"]+)"', first.content.decode())[1].replace("&amp;", "&")
    assert older == "?state=Prepared&before=6"
    queue_item("Prepared", id=9)
    second = client.get(f"/queue/{older}")
    assert shown(second) == [5, 4, 3]
    newer = re.search(r'rel="prev" href="([^"]+)"', second.content.decode())[1].replace("&amp;", "&")
    assert shown(client.get(f"/queue/{newer}")) == [8, 7, 6]
    assert shown(client.get("/queue/?state=Prepared&before=3")) == [2, 1]
    assert 'rel="next"' not in client.get("/queue/?state=Prepared&before=3").content.decode()


def test_a_refresh_asks_for_the_same_filters_and_page():
    queue_item("Failed")
    fragment = visitor().get("/queue/?state=Failed&q=1.2", headers=HTMX).content.decode()
    assert "<html" not in fragment
    assert 'hx-get="/queue/?state=Failed&amp;q=1.2"' in fragment


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/queue/", "The queue is empty"),
        ("/queue/?state=Failed", "Nothing has failed."),
        ("/queue/?q=9.9", "matches the filter"),
    ],
)
def test_an_empty_list_says_why_it_is_empty(address, words):
    assert words in visitor().get(address).content.decode()


def test_patient_data_is_shown_only_to_those_who_may_see_it():
    queue_item(patient_name="SMITH^J", patient_id="ID-8", accession_number="ACC-8")
    assert all(
        text in visitor("operator", phi=True).get("/queue/").content.decode() for text in ("SMITH^J", "ID-8", "ACC-8")
    )
    seen = visitor().get("/queue/").content.decode()
    assert not any(text in seen for text in ("SMITH", "ID-8", "ACC-8"))


def test_the_number_of_queries_does_not_grow_with_the_rows(django_assert_max_num_queries):
    for _ in range(40):
        queue_item("Failed")
    client = visitor("operator")
    with django_assert_max_num_queries(9):
        assert len(shown(client.get("/queue/"))) == 40

"""The queue page: tabs, filters in the address, pages by id."""

import re
from datetime import UTC, datetime

import pytest

from routing.core.identifiers import first_at
from routing.forms import queue_filter
from routing.forms.queue_filter import cause_of
from routing.models import AuditRecord, QueueItem
from routing.views import queue as queue_page
from scripts_app.models import ScriptVersion
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


@pytest.mark.parametrize(("order", "before"), [("", 3), ("&sort=-size", 3), ("&sort=received", 9)])
def test_a_page_whose_rows_have_all_gone_shows_the_head_of_the_list_and_not_that_nothing_is_there(order, before):
    for number, state in ((3, "Prepared"), (7, "Failed"), (9, "Prepared")):
        queue_item(state, id=number, size=number)
    answer = visitor().get(f"/queue/?state=Failed{order}&before={before}")
    assert shown(answer) == [7]
    assert b"Nothing has failed." not in answer.content
    address = f"/queue/?state=Failed{order.replace('&', '&amp;')}&amp;rows=7"
    assert f'hx-get="{address}"' in answer.content.decode(), "it is told of newer rows, as the head is"


def test_a_refresh_asks_for_the_same_filters_and_rows():
    queue_item("Failed", id=7)
    fragment = visitor().get("/queue/?state=Failed&q=1.2", headers=HTMX).content.decode()
    assert "<html" not in fragment
    assert 'hx-get="/queue/?state=Failed&amp;q=1.2&amp;rows=7"' in fragment


def refresh(address, client=None):
    return (client or visitor()).get(address, headers=HTMX)


def test_a_refresh_shows_the_same_rows_as_they_are_now_and_says_what_is_new():
    for number in (1, 2, 3):
        queue_item("Failed", id=number)
    queue_item("Failed", id=4)
    queue_item("Failed", id=5)
    QueueItem.objects.filter(pk=2).update(state="Prepared")
    QueueItem.objects.filter(pk=1).delete()
    answer = refresh("/queue/?state=Failed&rows=3,2,1")
    assert shown(answer) == [3, 2]
    said = answer.content.decode()
    assert "2 new, 2 no longer here: show" in said
    assert re.search(r'<tr id="row-2" class="moved-on">.*?Prepared', said, re.DOTALL)
    assert shown(refresh("/queue/?state=Failed")) == [5, 4, 3]
    assert "show-new" not in refresh("/queue/?state=Failed&rows=5,4,3").content.decode()


def test_a_refresh_of_a_later_page_keeps_its_neighbours_and_counts_nothing_new():
    for number in range(1, 9):
        queue_item("Prepared", id=number)
    said = refresh("/queue/?before=6&rows=5,4,3&more=3").content.decode()
    assert 'rel="next" href="?before=3"' in said
    assert 'rel="prev" href="?after=5"' in said
    assert "show-new" not in said


@pytest.mark.parametrize("rows", ["", "x", "1;2", "9" * 30, ",,", "-1"])
def test_a_mangled_list_of_rows_shows_the_head_of_the_list(rows):
    queue_item(id=7)
    assert shown(refresh(f"/queue/?rows={rows}")) == [7]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("size", [[2, 4, 1], [5, 3]]),
        ("-size", [[3, 5, 1], [4, 2]]),
        ("received", [[1, 2, 3], [4, 5]]),
        ("-attempts", [[5, 4, 3], [2, 1]]),
        ("patient_name", [[5, 4, 3], [2, 1]]),
    ],
)
def test_a_list_in_any_order_goes_on_where_the_last_page_ended(monkeypatch, order, expected):
    monkeypatch.setattr(queue_page, "PAGE", 3)
    for number, size in enumerate((20, 10, 30, 10, 20), start=1):
        queue_item("Prepared", id=number, size=size)
    client = visitor()
    first = client.get(f"/queue/?sort={order}")
    assert shown(first) == expected[0]
    later = re.search(r'rel="next" href="([^"]+)"', first.content.decode())[1].replace("&amp;", "&")
    second = client.get(f"/queue/{later}")
    assert shown(second) == expected[1]
    back = re.search(r'rel="prev" href="([^"]+)"', second.content.decode())[1].replace("&amp;", "&")
    assert shown(client.get(f"/queue/{back}")) == expected[0]


def test_what_no_index_answers_is_looked_for_among_the_newest_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(queue_filter, "WINDOW", 3)
    for number in range(1, 7):
        queue_item("Prepared", id=number, modality="MG", size=number)
    answer = visitor().get("/queue/?modality=MG&state=Prepared")
    assert shown(answer) == [6, 5, 4]
    assert "Looked at the newest" in answer.content.decode()
    assert 'Prepared <span class="count">3<' in answer.content.decode()
    assert shown(visitor().get("/queue/?sort=size")) == [4, 5, 6]
    whole = visitor().get("/queue/?modality=MG&study=1.2.3")
    assert shown(whole) == [6, 5, 4, 3, 2, 1]
    assert "Looked at" not in whole.content.decode()


def test_a_whole_number_or_id_in_the_search_is_found_however_old_it_is(monkeypatch):
    monkeypatch.setattr(queue_filter, "WINDOW", 1)
    queue_item(id=1, patient_id="OLD-1", accession_number="OLD-2", study_instance_uid="1.9")
    for number in range(2, 6):
        queue_item(id=number)
    for text in ("OLD-1", "OLD-2", "1.9", "1"):
        assert shown(visitor("viewer", phi=True).get(f"/queue/?q={text}")) == [1]
    assert shown(visitor("operator").get("/queue/?q=OLD-1")) == []


def test_counting_stops_where_nobody_needs_to_know_more(monkeypatch):
    monkeypatch.setattr(queue_filter, "CAP", 3)
    monkeypatch.setattr(queue_page, "CAP", 3)
    for number in range(1, 6):
        queue_item("Failed", id=number)
    assert 'Failed <span class="count">3+<' in visitor().get("/queue/").content.decode()


def test_reception_can_be_bounded_on_both_sides():
    moments = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (8, 9, 10)]
    items = [queue_item(id=first_at(moment), created_at=moment).pk for moment in moments]
    assert shown(visitor().get("/queue/?since=2026-03-01T09:00")) == [items[2], items[1]]
    assert shown(visitor().get("/queue/?until=2026-03-01T09:00")) == [items[0]]
    assert shown(visitor().get("/queue/?since=2026-03-01T09:00&until=2026-03-01T10:00")) == [items[1]]
    assert len(shown(visitor().get("/queue/?since=1900-01-01T00:00&until=9999-12-30T00:00"))) == 3
    assert shown(visitor().get("/queue/?until=0002-01-01T00:00")) == []
    wrong = visitor().get("/queue/?since=yesterday")
    assert "Received from is left out: Enter a valid date/time." in wrong.content.decode()
    assert len(shown(wrong)) == 3


def test_the_cause_of_a_failure_and_the_script_version_are_filters():
    version = ScriptVersion.objects.create(sha256="5f3a" + "0" * 60, content={})
    queue_item("Failed", id=1, last_error="gave up after 2 attempts: 0xA700")
    queue_item("Failed", id=2, last_error="gave up after 5 attempts: 0xA700", script_version=version)
    queue_item("Failed", id=3, last_error="something else")
    cause = cause_of("gave up after 9 attempts: 0xA700")
    assert shown(visitor().get(f"/queue/?error={cause}")) == [2, 1]
    assert shown(visitor().get(f"/queue/?error={cause}&version=5F3A")) == [2]
    assert shown(visitor().get(f"/queue/?version={version.pk}")) == [2]
    assert shown(visitor().get("/queue/?version=99")) == []


def test_patient_filters_are_for_those_who_may_see_patients():
    queue_item(id=1, patient_id="P-1", accession_number="A-1")
    queue_item(id=2, patient_id="P-2", accession_number="A-2")
    seeing, blind = visitor("viewer", phi=True), visitor("operator")
    assert shown(seeing.get("/queue/?patient=P-2")) == shown(seeing.get("/queue/?accession=A-2")) == [2]
    kept = blind.get("/queue/?patient=P-2")
    assert shown(kept) == [2, 1]
    assert "Patient ID is left out: Your account may not see patient data." in kept.content.decode()
    assert 'name="patient"' not in blind.get("/queue/").content.decode()


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


def test_a_search_of_the_queue_is_in_the_audit_log_for_who_sees_patients_once_for_each():
    queue_item("Failed", patient_id="ID-77", patient_name="SMITH^J")
    client = visitor("operator", phi=True)
    asked = "/queue/?q=&patient=ID-77&state=Failed&sort=size"
    # A refresh asks for the same rows again, and the question shows some of them.
    for address in (asked, f"{asked}&rows=1", "/queue/ask/?action=retry&scope=matching&patient=ID-77&state=Failed"):
        client.get(address, headers=HTMX)
    client.get("/queue/?patient=ID-78")
    client.get("/queue/ask/?action=reject&scope=matching&q=SMITH")
    records = AuditRecord.objects.order_by("pk").values_list("action", "object", "detail")
    assert [record[:2] for record in records] == [("viewed queue", "queue list")] * 2
    assert [record[2] for record in records] == [{"filter": "state=Failed&patient=ID-77"}, {"filter": "q=SMITH"}]
    visitor("viewer").get("/queue/")
    assert AuditRecord.objects.count() == 2

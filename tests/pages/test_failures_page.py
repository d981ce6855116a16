"""Failures by cause: a thousand items of one cause are one line, which leads to them and to their retry."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.forms import queue_filter
from routing.models import NodeStatus, QueueItem
from routing.operating.operator_actions import Action, perform
from routing.operating.undo import undo
from routing.views import failures
from tests.builders import node, queue_item
from tests.pages.people import HTMX, visitor, words

pytestmark = pytest.mark.django_db


def failed(error, state="Failed", **columns):
    return queue_item(state, last_error=error, prepared_at=timezone.now(), **columns)


def lines(answer):
    """Each line of the table in words."""
    rows = re.findall(r'<tr id="cause-.*?</tr>', answer.content.decode(), re.DOTALL)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip() for row in rows]


def test_items_of_one_cause_are_one_line_with_number_studies_and_times():
    now = timezone.now()
    for number in range(2, 5):
        failed(
            f"gave up after {number} attempts: 0xA700",
            study_instance_uid=f"1.{number % 2}",
            updated_at=now - timedelta(hours=number),
        )
    failed("gave up after 3 attempts: 0xA700", node=node("AI"))
    failed("gave up after 3 attempts: 0xA700", "Rejected")
    queue_item("Delivered", last_error="gave up after 3 attempts: 0xA700")
    queue_item("Prepared")
    found = lines(visitor().get("/failures/"))
    assert len(found) == 3
    assert found[0] == "Failed PACS gave up after # attempts: 0xA700 3 2 4 h ago 2 h ago"
    assert {line.split()[0:2][1] for line in found[1:]} == {"AI", "PACS"}


def test_a_line_leads_to_its_items_and_an_operator_to_their_retry():
    meant = [failed("no match for 'A' in line 3"), failed("no match for 'B' in line 3")]
    failed("no match for 'A' in line 4")
    seen = visitor("operator", phi=True).get("/failures/").content.decode()
    link = re.search(r'href="(/queue/\?[^"]+)"', seen)[1].replace("&amp;", "&")
    shown = re.findall(r'<tr id="row-(\d+)"', visitor("operator").get(link).content.decode())
    assert [int(pk) for pk in shown] == [item.pk for item in reversed(meant)]
    retry = re.search(r'href="(/queue/ask/\?[^"]+)"', seen)[1].replace("&amp;", "&")
    assert "Retry 2 items?" in words(visitor("operator").get(retry))
    assert "/queue/ask/" not in visitor("viewer", phi=True).get("/failures/").content.decode()


def test_all_that_waits_for_a_failing_destination_is_one_line_with_its_next_try():
    pacs, fine = node("PACS"), node("FINE")
    until = timezone.now() + timedelta(minutes=4, seconds=30)
    NodeStatus.objects.create(node=pacs, failures_in_a_row=3, not_before=until, last_error="no connection to PACS")
    failed("no connection to PACS", "Prepared", node=pacs, attempt_count=1)
    failed("0xA700 (Failure: Refused: Out of Resources)", "Prepared", node=pacs)
    queue_item("Prepared", node=pacs, prepared_at=timezone.now())
    busy = failed("FINE answered 0xA700", "Prepared", node=fine, attempt_count=1)
    queue_item("New", node=fine, last_error="later, please")
    queue_item("New", node=fine)
    queue_item("Prepared", node=fine, prepared_at=timezone.now())
    answer = visitor("operator", phi=True).get("/failures/")
    found = lines(answer)
    assert len(found) == 3
    assert found[0].startswith("Prepared PACS no connection to PACS the destination takes nothing; all that waits")
    assert "is tried again in 4 min 3 1" in found[0]
    assert [line.split()[:2] for line in found[1:]] == [["New", "FINE"], ["Prepared", "FINE"]]
    assert "FINE answered 0xA700 tried again by itself" in found[2]
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/queue/ask/[^"]+)"', answer.content.decode())]
    said = [words(visitor("operator").get(link)) for link in links]
    assert ["Try now 3 items?" in said[0], "Try now 1 item?" in said[1], "Try now 1 item?" in said[2]] == [True] * 3
    shown = visitor("operator").get(links[2].replace("ask/", "")).content.decode()
    assert re.findall(r'<tr id="row-(\d+)"', shown) == [str(busy.pk)]


def test_what_a_script_quotes_is_hidden_from_those_who_may_not_see_patients():
    queue_item("Failed", last_error="no rule for SMITH")
    failed("PACS refused T-1", patient_id="T-1")
    seen = visitor("operator").get("/failures/").content.decode()
    assert "SMITH" not in seen
    assert "T-1" not in seen
    assert "SMITH" in visitor(phi=True).get("/failures/").content.decode()


def test_the_most_frequent_causes_come_first_and_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(failures, "MOST_CAUSES", 2)
    for text, number in (("rare", 1), ("frequent", 3), ("medium", 2)):
        for _ in range(number):
            failed(text)
    answer = visitor().get("/failures/")
    assert [line.split()[2] for line in lines(answer)] == ["frequent", "medium"]
    assert "1 rarer causes are not shown." in answer.content.decode()


def test_only_the_newest_of_each_state_are_looked_at(monkeypatch):
    monkeypatch.setattr(queue_filter, "WINDOW", 2)
    for text in ("old", "new", "new"):
        failed(text)
    assert [line.split()[2:4] for line in lines(visitor().get("/failures/"))] == [["new", "2"]]


def test_without_failures_the_page_is_calm():
    queue_item("Delivered")
    assert "Nothing has failed" in visitor().get("/failures/").content.decode()


def test_without_a_text_the_line_says_what_the_state_tells():
    failed("")
    failed("", "Expired")
    found = lines(visitor().get("/failures/"))
    assert sorted(line.split(" 1 ")[0] for line in found) == [
        "Expired PACS waited too long",
        "Failed PACS no reason noted",
    ]


def test_what_operators_decided_is_not_told_as_the_doing_of_the_destination():
    waited = [failed("no connection", "Prepared") for _ in range(3)]
    failed("0xA900", "Rejected")
    meant, back = failed("0xA900", "Prepared"), failed("0xA900", "Prepared")
    perform(Action.FAIL, [item.pk for item in waited], actor="olga", scope="", note="wrong patient")
    perform(Action.REJECT, [meant.pk], actor="olga", scope="")
    undo(perform(Action.FAIL, [back.pk], actor="olga", scope=""))
    perform(Action.REJECT, [queue_item("New", node=node("AI")).pk], actor="olga", scope="")
    found = "; ".join(lines(visitor(phi=True).get("/failures/")))
    assert "Failed PACS operators said so; before: no connection 3" in found
    assert "Rejected PACS 0xA900 1 of them because operators said so 2" in found
    assert "Rejected AI an operator said so 1" in found
    told = words(visitor(phi=True).get("/"))
    assert "3 images for PACS were failed by operators" in told
    assert "before: no connection" in told
    assert "PACS has refused 2 images" in told and "1 of them because operators said so" in told
    assert "1 image for AI was rejected by operators" in told


def test_a_refresh_is_the_fragment_and_the_number_of_queries_stays(django_assert_max_num_queries):
    for number in range(30):
        failed(f"cause {chr(65 + number)}")
    assert "<html" not in visitor().get("/failures/", headers=HTMX).content.decode()
    client = visitor()
    with django_assert_max_num_queries(9):
        assert len(lines(client.get("/failures/"))) == 30
    assert QueueItem.objects.count() == 30


def test_what_is_tried_again_and_again_tells_since_when_and_not_its_last_try():
    pacs, now = node("PACS"), timezone.now()
    NodeStatus.objects.create(node=pacs, failures_in_a_row=3, last_error="no connection to PACS")
    tried = {"updated_at": now - timedelta(seconds=5)}
    failed("no connection to PACS", "Prepared", node=pacs, created_at=now - timedelta(hours=3), **tried)
    queue_item("New", node=node("AI"), last_error="later", created_at=now - timedelta(hours=2), **tried)
    found = lines(visitor(phi=True).get("/failures/"))
    assert [re.search(r"(\d+ h) ago (\d+ s) ago", line).group(1) for line in found] == ["2 h", "3 h"]

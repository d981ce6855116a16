"""Charts of what passed: numbers, spans, destinations, and the same in tables."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.core.traffic import SPANS, minute_of
from routing.models import Node, NodeOutage, TrafficMark, TrafficMinute
from routing.showing.chart import WIDTH
from routing.showing.chart_marks import find_marks
from scripts_app.models import Activation, ScriptVersion
from tests.builders import node
from tests.pages.people import HTMX, visitor, words


def passed(ae_title="PACS", ago=1, **counts):
    minute = minute_of(timezone.now() - timedelta(minutes=ago))
    TrafficMinute.objects.create(minute=minute, ae_title=ae_title, **counts)


@pytest.mark.django_db
def test_before_anything_is_counted_the_page_says_who_counts():
    assert "Nothing has been counted yet" in words(visitor().get("/traffic/"))
    TrafficMark.objects.create(history_id=1)
    TrafficMinute.objects.all().delete()
    assert "Nothing passed in this time." in words(visitor("operator").get("/traffic/"))


@pytest.mark.django_db
def test_each_minute_is_told_in_the_chart_and_in_the_table():
    passed(received=120, delivered=90, bytes_received=600_000_000, bytes_delivered=60_000_000)
    page = visitor().get("/traffic/").content.decode()
    assert re.search(r"<title>\w+ \d\d:\d\d UTC: received 120, delivered 90 a minute</title>", page)
    assert re.search(r"<title>\w+ \d\d:\d\d UTC: received 10, delivered 1 MB/s</title>", page)
    told = words(visitor().get("/traffic/"))
    assert re.search(r"PACS 120 90 0 0 0 572\.2\sMB 57\.2\sMB", told)
    assert re.search(r"\d\d:\d\d 120 90 10 1 ", told)


@pytest.mark.django_db
def test_a_minute_in_which_things_were_only_tried_has_no_row_of_noughts():
    passed(deferred=7, refused=1, failed=2)
    told = words(visitor().get("/traffic/"))
    assert "PACS 0 0 7 1 2" in told
    assert "in which something passed" not in told


@pytest.mark.django_db
@pytest.mark.parametrize(("span", "bars", "seen"), [("1h", 60, "7"), ("24h", 96, "16"), ("7d", 84, "116")])
def test_a_longer_span_holds_more_and_an_unknown_one_is_the_hour(span, bars, seen):
    for ago, count in ((2, 7), (600, 9), (60 * 100, 100), (60 * 24 * 8, 1000)):
        passed(ago=ago, received=count)
    page = visitor().get(f"/traffic/?span={span}")
    assert page.content.decode().count("<rect") == 2 * bars
    assert f"PACS {seen} 0" in words(page)


@pytest.mark.django_db
def test_one_destination_alone_is_drawn_and_strange_addresses_show_the_hour():
    passed("PACS", received=5)
    passed("AI", received=8)
    assert "received 13, delivered 0 a minute" in visitor().get("/traffic/?span=nonsense").content.decode()
    answer = visitor("operator").get("/traffic/?to=AI", headers=HTMX).content.decode()
    assert "received 8, delivered 0 a minute" in answer
    assert "<html" not in answer


def outage(ae_title="PACS", ago=30, lasted=10, **columns):
    began = timezone.now() - timedelta(minutes=ago)
    ended = None if lasted is None else began + timedelta(minutes=lasted)
    node = Node.objects.filter(ae_title=ae_title).first()
    return NodeOutage.objects.create(node=node, ae_title=ae_title, began_at=began, ended_at=ended, **columns)


def marked(span="1h"):
    return find_marks(next(each for each in SPANS if each.name == span))


@pytest.mark.django_db
def test_outages_stand_where_they_were_and_the_shortest_can_be_seen():
    node("PACS")
    outage(ago=30, lasted=15)
    outage(ago=20, lasted=0)
    outage(ago=5, lasted=None)
    outage(ago=90, lasted=10)
    outage("GONE", ago=5, lasted=None)
    lasting, short, long = marked().outages
    assert [lasting.ended_at, lasting.x + lasting.width] == [None, WIDTH]
    assert short.width == 2
    assert 120 < long.width < 180
    assert 250 < long.x < 350
    assert len(marked("24h").outages) == 4


@pytest.mark.django_db
def test_outages_and_activations_are_told_in_words_below_the_charts_and_hostile_text_stays_text():
    outage("PACS", error="<img src=x>")
    outage("AI")
    version = ScriptVersion.objects.create(sha256="0" * 64, content={})
    activation = Activation.objects.create(version=version, content={}, actor="anna", reason="<b>bold</b>")
    page = visitor().get("/traffic/")
    assert page.content.decode().count('<path class="outage"') == 4
    assert page.content.decode().count('<path class="activation"') == 2
    told = words(page)
    assert re.search(r"PACS took no images from .*? to .*? <img src=x>", told)
    assert re.search(rf"Activation {activation.pk} of scripts by anna .*? <b>bold</b>", told)
    assert "<img src=x>" not in page.content.decode()
    alone = words(visitor().get("/traffic/?to=AI"))
    assert "PACS took no images" not in alone
    assert "AI took no images" in alone
    assert f"Activation {activation.pk}" in alone


@pytest.mark.django_db
def test_an_activation_by_nobody_who_is_known_names_nobody():
    """As the first one, of scripts that were there before there were activations."""
    version = ScriptVersion.objects.create(sha256="0" * 64, content={})
    Activation.objects.create(version=version, content={}, actor="", reason="before the first activation")
    assert re.search(r"Activation \d+ of scripts [\d:]+ before the first activation", words(visitor().get("/traffic/")))

"""What a node's switches and schedule hold back: the item's page says so."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.builders import node, queue_item
from tests.pages.people import visitor, words

pytestmark = pytest.mark.django_db
ERROR = "no connection: refused"


def later() -> str:
    """A window of the day that begins in one to two hours."""
    hour = timezone.localtime().hour
    return f"{(hour + 2) % 24:02}:00 - {(hour + 3) % 24:02}:00"


HELD = [
    ({"paused": True}, "paused"),
    ({"enabled": False}, "disabled"),
    ({"process_schedule": [later()]}, "outside its schedule"),
    ({"process_schedule": ["night"]}, "outside its schedule"),
]


@pytest.mark.parametrize(("columns", "why"), HELD)
def test_the_page_tells_what_holds_an_image_back(columns, why):
    night = node("NIGHT", **columns)
    ready = queue_item(node=night)
    tried = queue_item(node=night, attempt_count=2, last_error=ERROR, prepared_at=timezone.now())
    told = words(visitor().get(f"/queue/{ready.pk}/"))
    assert f"Ready, waits for NIGHT, which is {why}" in told
    assert ("opens in" in told) is (columns.get("process_schedule") == [later()])
    told = words(visitor().get(f"/queue/{tried.pk}/"))
    assert f"Tried 2 times; not again while NIGHT is {why}" in told
    assert "next try" not in told
    assert f"Last error: {ERROR}" in told


def test_a_schedule_that_is_set_aside_holds_nothing_back():
    aside = timezone.now() + timedelta(hours=1)
    item = queue_item(node=node("NIGHT", process_schedule=[later()], ignore_schedule_until=aside))
    assert "Ready, waits for NIGHT." in words(visitor().get(f"/queue/{item.pk}/"))

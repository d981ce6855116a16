"""What waits longer than the expiry age is Expired, and what somebody put to work again gets as long once more."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from routing.core.identifiers import Identifiers
from routing.core.states import QueueEvent
from routing.engine.housekeeping.retention import expire
from routing.models import HistoryEntry, QueueItem
from routing.queue.record import record_for
from tests.builders import queue_item

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.mark.parametrize("state", ["New", "Prepared", "Failed", "Rejected"])
def test_what_waits_too_long_expires(state: str, caplog: pytest.LogCaptureFixture) -> None:
    old = queue_item(state, created_at=timezone.now() - 8 * DAY)
    young = queue_item(state, created_at=timezone.now() - 6 * DAY)
    assert expire(7 * DAY).moved == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, young.state) == ("Expired", state)
    entry = HistoryEntry.objects.get(item=old)
    assert (entry.event, entry.actor, entry.note) == ("outlived", "retention", "older than 168 hours")
    assert "1 item has expired, older than 168 hours" in caplog.text


@pytest.mark.parametrize("state", ["Delivered", "Dropped", "Expired"])
def test_what_waits_no_more_does_not_expire(state: str) -> None:
    queue_item(state, created_at=timezone.now() - 8 * DAY)
    assert expire(7 * DAY).moved == 0


def test_an_item_in_a_workers_hands_does_not_expire_nor_carry_a_wish() -> None:
    item = queue_item(created_at=timezone.now() - 8 * DAY, lease_owner="host:1:me", lease_until=timezone.now() + DAY)
    assert expire(7 * DAY).moved == 0
    item.refresh_from_db()
    assert (item.state, item.pending_state) == ("Prepared", "")


@pytest.mark.parametrize("event", [QueueEvent.SEND_AGAIN, QueueEvent.PREPARE_AGAIN, QueueEvent.REDIRECTED])
def test_what_somebody_put_to_work_again_gets_as_long_once_more(event: QueueEvent) -> None:
    item = queue_item("Expired", created_at=timezone.now() - 8 * DAY, prepared_at=timezone.now() - 8 * DAY)
    assert record_for(QueueItem.objects.all(), event, actor="anna").moved == 1
    assert expire(7 * DAY).moved == 0
    HistoryEntry.objects.update(at=timezone.now() - 8 * DAY)
    assert expire(7 * DAY).moved == 1
    item.refresh_from_db()
    assert item.state == "Expired"


@pytest.mark.parametrize("year", [1970, 2000, 2024])
def test_what_came_before_the_machine_was_told_the_time_does_not_expire_as_soon_as_it_is(year: int) -> None:
    """A machine without a clock of its own begins years ago: what it was sent first was Expired, and never tried."""
    begun = datetime(year, 1, 1, 7, tzinfo=UTC)
    identifier = Identifiers(7, lambda: int(begun.timestamp() * 1_000_000))()
    item = queue_item("New", id=identifier, created_at=begun)
    assert expire(7 * DAY).moved == 0
    item.refresh_from_db()
    assert item.state == "New"

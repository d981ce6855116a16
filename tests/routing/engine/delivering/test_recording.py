"""What is written of the couriers' reports, and whose items are left alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.engine.delivering.recording import record_reports, unanswered_before
from routing.engine.delivering.reports import Returned
from routing.models import Attempt, QueueItem
from tests.builders import fresh, node, queue_item
from tests.routing.engine.delivering import test_settle

pytestmark = pytest.mark.django_db

ME, OTHER = "host:1:me", "host:2:other"


def held(owner: str = ME, **columns: object) -> QueueItem:
    return queue_item("Prepared", lease_owner=owner, lease_until=timezone.now() + timedelta(minutes=1), **columns)


def lease(item: QueueItem) -> tuple[str, bool]:
    return fresh(item).lease_owner, fresh(item).lease_until is not None


def returned(*items: QueueItem) -> None:
    untried = tuple(replace(test_settle.item(), id=item.pk) for item in items)
    record_reports([Returned(test_settle.target(), untried)], timezone.now(), ME)


def test_what_goes_back_untried_is_free_and_what_is_still_being_sent_is_not() -> None:
    back, under_way = held(), held()
    returned(back)
    assert (lease(back), lease(under_way)) == (("", False), (ME, True))


def test_what_another_worker_has_taken_meanwhile_stays_in_its_hands_with_what_is_wished_of_it() -> None:
    """It may be sending it at this very moment: whoever took it then would send it once more."""
    theirs = held(OTHER, pending_state="Rejected")
    returned(theirs)
    assert lease(theirs) == (OTHER, True)
    assert (fresh(theirs).state, fresh(theirs).pending_state) == ("Prepared", "Rejected")


def test_what_was_wished_of_an_item_meanwhile_is_carried_out_when_it_goes_back() -> None:
    item = held(pending_state="Rejected")
    returned(item)
    assert (fresh(item).state, fresh(item).pending_state, lease(item)) == ("Rejected", "", ("", False))


def test_only_what_this_image_met_at_this_node_tells_whether_it_may_be_there_already() -> None:
    """Else a duplicate of another image would pass for a delivery, and the image would be nowhere."""
    now, pacs, archive = timezone.now(), node("PACS"), node("ARCHIVE")
    one, other = (queue_item("Prepared", prepared_at=now) for _ in range(2))
    met = {"item": one, "node": pacs, "started_at": now, "ended_at": now, "answer": "deferred"}
    Attempt.objects.create(**met, transfer_syntax_uid=test_settle.SYNTAX)
    assert unanswered_before(one.pk, pacs.pk)
    assert not unanswered_before(other.pk, pacs.pk)
    assert not unanswered_before(one.pk, archive.pk)


@pytest.mark.parametrize(
    "differing", [{"transfer_syntax_uid": ""}, {"status": 0xA700}, {"started_at": timezone.now() - timedelta(days=1)}]
)
def test_what_was_not_sent_or_was_answered_or_was_another_image_then_tells_nothing(
    differing: dict[str, object],
) -> None:
    now, pacs = timezone.now(), node("PACS")
    item = queue_item("Prepared", prepared_at=now - timedelta(hours=1))
    met = {"started_at": now, "ended_at": now, "answer": "deferred", "transfer_syntax_uid": test_settle.SYNTAX}
    Attempt.objects.create(item=item, node=pacs, **(met | differing))
    assert not unanswered_before(item.pk, pacs.pk)

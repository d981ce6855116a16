"""After a clock was set back nothing waits longer than its own delay; ordinary waits are left alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.engine.housekeeping.clock import end_impossible_waits
from routing.models import NodeStatus, QueueItem
from tests.builders import node, queue_item

pytestmark = [pytest.mark.django_db, pytest.mark.fault(92, "the clock is set back while items wait for their next try")]

HOUR = timedelta(hours=1)


def waits(item: QueueItem) -> bool:
    return QueueItem.objects.get(id=item.id).not_before > timezone.now()


def test_what_would_wait_for_an_hour_more_than_any_delay_is_due_at_once() -> None:
    now = timezone.now()
    pacs = node(retry_limit=600, retry_jitter=20)
    NodeStatus.objects.create(node=pacs, failures_in_a_row=3, not_before=now + HOUR)
    new = queue_item("New", not_before=now + HOUR)
    prepared = queue_item("Prepared", node=pacs, not_before=now + HOUR)
    assert end_impossible_waits() == 2
    assert not waits(new) and not waits(prepared)
    assert (NodeStatus.objects.get().not_before or now + HOUR) <= timezone.now()


def test_a_back_off_a_process_delay_and_a_script_s_retry_are_left_alone() -> None:
    now = timezone.now()
    quick, slow = node("QUICK", retry_limit=600), node("SLOW", process_delay=7_200_000)
    items = [
        queue_item("New", not_before=now + timedelta(seconds=5)),
        queue_item("Prepared", node=quick, not_before=now + timedelta(seconds=700)),
        queue_item("Prepared", node=slow, not_before=now + 2 * HOUR),
        queue_item("Failed", node=quick, not_before=now + 2 * HOUR),
    ]
    assert end_impossible_waits() == 0
    assert all(waits(item) for item in items)


def test_a_round_asks_no_more_of_the_database_however_many_nodes_there_are(
    django_assert_max_num_queries: Any,
) -> None:
    now = timezone.now()
    for number in range(50):
        one = node(f"NODE_{number}")
        NodeStatus.objects.create(node=one, failures_in_a_row=1, not_before=now + timedelta(seconds=10))
        queue_item("Prepared", node=one, not_before=now + timedelta(seconds=10))
    late = queue_item("Prepared", node=node("LATE"), not_before=now + HOUR)
    with django_assert_max_num_queries(6):
        assert end_impossible_waits() == 1
    assert not waits(late)

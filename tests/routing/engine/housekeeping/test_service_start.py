"""What is done once at the start of the service: by one process, and not again by those that take its place."""

import os
from datetime import timedelta

import pytest
from django.utils import timezone

from routing.engine.housekeeping.process import Housekeeper
from routing.engine.housekeeping.service_start import ServiceStart
from routing.models import Lane, QueueItem
from routing.processes.sd_notify import STARTED_AGAIN
from tests.builders import queue_item
from tests.routing.engine.housekeeping import test_housekeeping
from tests.routing.engine.housekeeping.test_housekeeping import Configure, state

pytestmark = pytest.mark.django_db
configure = test_housekeeping.configure


@pytest.fixture
def rejected(configure: Configure) -> QueueItem:
    configure(retry_rejected_at_start=True)
    return queue_item("Rejected", prepared_at=timezone.now())


def test_a_housekeeper_that_is_started_again_tries_no_rejected_item_again(rejected: QueueItem) -> None:
    start = ServiceStart()
    Housekeeper("host:1:me", start).step()
    assert state(rejected) == "Prepared"
    QueueItem.objects.update(state="Rejected")
    Housekeeper("host:1:me", start).step()
    assert state(rejected) == "Rejected"


def test_what_was_rejected_before_it_was_prepared_meets_the_scripts_again(rejected: QueueItem) -> None:
    by_somebody = queue_item("Rejected", prepared_at=None)
    Housekeeper("host:1:me").step()
    assert (state(rejected), state(by_somebody)) == ("Prepared", "New")


def test_one_that_takes_over_long_after_its_start_tries_none(rejected: QueueItem) -> None:
    first, second = Housekeeper("host:1:first"), Housekeeper("host:2:second")
    first.step()
    QueueItem.objects.update(state="Rejected")
    second.step()
    first.step()
    second.step()
    Lane.objects.update(until=timezone.now() - timedelta(seconds=1))
    second.step()
    assert second.in_charge
    assert state(rejected) == "Rejected"


def test_one_that_waits_for_the_turn_of_a_dead_one_to_end_tries_them(rejected: QueueItem) -> None:
    Lane.objects.create(key="\\housekeeping", owner="host:9:dead", until=timezone.now() + timedelta(minutes=1))
    keeper = Housekeeper("host:1:me")
    keeper.step()
    keeper.step()
    assert (keeper.in_charge, state(rejected)) == (False, "Rejected")
    Lane.objects.update(until=timezone.now() - timedelta(seconds=1))
    keeper.step()
    assert state(rejected) == "Prepared"


def test_processes_that_are_forked_share_what_is_known_of_the_start() -> None:
    start = ServiceStart()
    child = os.fork()
    if not child:
        start.is_over()
        os._exit(0)
    os.waitpid(child, 0)
    assert not start.due


def test_a_worker_that_takes_the_place_of_another_knows_that_the_service_runs() -> None:
    assert ServiceStart.of_environment({}).due
    assert not ServiceStart.of_environment({STARTED_AGAIN: "1"}).due

"""How a node is doing, as the reports of its couriers tell: what counts as a failure, and what ends the back-off."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from routing.engine.nodes.status import Failure, News, Trial, end_back_off, may_try, record_news
from routing.engine.nodes.target import DeliverySettings, target_of
from routing.models import Node, NodeOutage, NodeStatus
from tests.builders import node

pytestmark = pytest.mark.django_db

NOW = timezone.now()
SECOND = timedelta(seconds=1)


def failed(at: datetime) -> Failure:
    return Failure(at, "no connection")


def told(pacs: Node, *ordeal: Failure | None, now: datetime = NOW, **news: Any) -> NodeStatus:
    assert record_news([News(target_of(pacs, DeliverySettings()), ordeal=list(ordeal), **news)], now) == {pacs.pk}
    return NodeStatus.objects.get(node=pacs)


def test_what_all_senders_meet_when_a_node_goes_down_is_one_failure() -> None:
    pacs = node(retry_initial=10, retry_jitter=0)
    told(pacs, failed(NOW - 2 * SECOND), failed(NOW - SECOND))
    later = told(pacs, failed(NOW - SECOND), now=NOW + 5 * SECOND)
    assert (later.failures_in_a_row, later.not_before) == (1, NOW + 10 * SECOND)
    again = told(pacs, failed(NOW + 10 * SECOND), now=NOW + 11 * SECOND)
    assert (again.failures_in_a_row, again.not_before) == (2, NOW + 31 * SECOND)
    assert NodeOutage.objects.get().began_at == NOW - 2 * SECOND


def test_a_node_is_never_given_up_whatever_number_of_attempts_an_item_has() -> None:
    pacs = node(retry_initial=10, retry_jitter=0, retry_attempts=1)
    assert told(pacs, failed(NOW)).not_before == NOW + 10 * SECOND


def test_an_answer_ends_the_back_off_and_the_outage() -> None:
    pacs = node()
    told(pacs, failed(NOW))
    answers = told(pacs, None, now=NOW + SECOND, delivered=1)
    assert (answers.failures_in_a_row, answers.not_before, answers.delivered) == (0, None, 1)
    assert answers.last_success_at == NodeOutage.objects.get().ended_at == NOW + SECOND


def test_an_answer_ends_the_outage_of_its_own_node_and_none_that_is_over() -> None:
    pacs, archive = node(), node("ARCHIVE")
    told(archive, failed(NOW))
    for at in (NOW, NOW + 5 * SECOND):
        told(pacs, failed(at), now=at)
        told(pacs, None, now=at + SECOND)
    assert list(NodeOutage.objects.order_by("pk").values_list("ae_title", "ended_at")) == [
        ("ARCHIVE", None),
        (pacs.ae_title, NOW + SECOND),
        (pacs.ae_title, NOW + 6 * SECOND),
    ]


def test_an_answer_that_refuses_is_no_outage_and_no_success_either() -> None:
    pacs = node()
    refuses = told(pacs, None, last_error="PACS answered 0xA700")
    assert (refuses.failures_in_a_row, refuses.last_failure_at, refuses.last_error) == (0, NOW, "PACS answered 0xA700")
    assert not NodeOutage.objects.exists()
    takes = told(pacs, None, now=NOW + SECOND, delivered=1)
    assert (takes.last_failure_at, takes.last_success_at) == (NOW, NOW + SECOND)


def test_the_moment_of_a_failure_stays_while_the_node_is_down() -> None:
    pacs = node()
    told(pacs, failed(NOW))
    later = told(pacs, now=NOW + 5 * SECOND, last_error="the image ended its association")
    assert (later.failures_in_a_row, later.last_failure_at) == (1, NOW)


@pytest.mark.parametrize(("event", "error"), [(failed(NOW), ""), (None, "PACS answered 0xA700")])
def test_when_the_clock_was_set_back_the_newest_answer_is_the_one_that_came_last(event: Any, error: str) -> None:
    """Else a node that takes every image is said to refuse them, for as long as the clock was ahead."""
    pacs, back = node(retry_initial=10, retry_jitter=0), NOW - timedelta(hours=1)
    told(pacs, event, last_error=error)
    takes = told(pacs, None, now=back, delivered=1)
    assert takes.last_success_at == back
    assert takes.last_failure_at is not None and takes.last_failure_at < back


def test_failures_count_again_as_soon_as_the_clock_was_set_back() -> None:
    pacs, back = node(retry_initial=10, retry_jitter=0), NOW - timedelta(hours=1)
    told(pacs, None, delivered=1)
    told(pacs, failed(NOW), now=NOW)
    again = told(pacs, failed(back), now=back + SECOND)
    assert (again.failures_in_a_row, again.not_before) == (2, back + 21 * SECOND)
    assert again.last_success_at is not None and again.last_failure_at is not None
    assert again.last_success_at < again.last_failure_at


def test_a_back_off_is_ended_for_the_failing_nodes_that_are_meant_alone() -> None:
    meant, other, fine = node("MEANT"), node("OTHER"), node("FINE")
    later = told(other, failed(NOW)).not_before
    told(meant, failed(NOW))
    told(fine, None, delivered=1)
    end_back_off([meant.pk, fine.pk, None], NOW)
    assert [NodeStatus.objects.get(node=each).not_before for each in (meant, other, fine)] == [NOW, later, None]


def test_a_node_that_answers_again_may_be_tried_by_everybody() -> None:
    pacs = node()
    told(pacs, failed(NOW))
    told(pacs, None)
    assert [may_try(pacs.pk, NOW), may_try(pacs.pk, NOW)] == [Trial.YES] * 2


def test_when_the_back_off_is_over_one_worker_tries_also_where_two_ask_at_the_same_moment() -> None:
    pacs = node(retry_initial=10, retry_jitter=0)
    later = told(pacs, failed(NOW)).not_before or NOW
    assert may_try(pacs.pk, later - SECOND) is Trial.NO
    quicker: list[Trial] = []

    def asks_as_well(execute: Any, statement: str, *rest: Any) -> Any:
        if statement.startswith("UPDATE") and not quicker:
            quicker.append(Trial.NO)
            quicker[0] = may_try(pacs.pk, later)
        return execute(statement, *rest)

    with connection.execute_wrapper(asks_as_well):
        slower = may_try(pacs.pk, later)
    assert (quicker, slower) == ([Trial.PROBE], Trial.NO)

"""What each kind of report means for the item, its node and its story: decided without a network or a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from routing.core.instance import SendResult
from routing.core.retry import RetryPolicy
from routing.core.states import QueueEvent
from routing.dicom.association_failures import FailureKind
from routing.engine.delivering.reports import Answered, Faulty, Returned, Unreachable, Unwanted, as_of
from routing.engine.delivering.settle import Settlement, settle
from routing.engine.nodes.status import Failure, News
from routing.engine.nodes.target import Target
from routing.queue.claims import Deliverable
from routing.queue.record import Move

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGAN, ENDED = NOW - timedelta(seconds=9), NOW - timedelta(seconds=2)
SYNTAX = "1.2.840.10008.1.2.1"


def target(attempts: int | None = None) -> Target:
    retry = RetryPolicy(initial=timedelta(seconds=10), jitter=0, attempts=attempts)
    return Target(
        node_id=3, ae_title="PACS", host="", port=0, enabled=True, paused=False, impersonate=False,
        transfer_syntax_uid="", batch_size=1, stall_seconds=1, minimum_line_speed=0, priority=0,
        sop_class_priorities=(), schedule=(), networks=(), max_associations=1, retry=retry, settings=None, node=None,
        updated_at=NOW,
    )  # fmt: skip


def item(tried: int = 2) -> Deliverable:
    return Deliverable(7, 7, "CT_1", "1.2", "1.2.3", SYNTAX, 300, 1000, None, "", tried)


def answered(
    status: int | None, tried: int = 2, *, first: bool = False, attempts: int | None = None, comment: str = ""
) -> Answered:
    error = "" if status is not None else "no answer"
    result = SendResult(7, status, comment, error, BEGAN, ENDED, 1000, timed_out=status is None)
    return Answered(target(attempts), item(tried), result, SYNTAX, first=first)


def unreachable(kind: FailureKind = FailureKind.TIMEOUT, **further: Any) -> Unreachable:
    return Unreachable(target(further.pop("attempts", None)), (item(),), kind, "nobody there", BEGAN, ENDED, **further)


def settled(report: Any, *, unanswered_before: bool = False) -> Settlement:
    return settle([report], NOW, lambda item_id, node_id: unanswered_before and (item_id, node_id) == (7, 3))


def what(report: Any, **further: Any) -> tuple[Move, News]:
    done = settled(report, **further)
    (move,) = done.moves
    return move, done.news[3]


@pytest.mark.parametrize(
    ("report", "event", "delivered", "failed"),
    [
        (answered(0x0000), QueueEvent.DELIVERED, 1, 0),
        (answered(0xB000), QueueEvent.DELIVERED, 1, 0),
        (answered(0xA700), QueueEvent.DEFERRED, 0, 0),
        (answered(0xA700, attempts=3), QueueEvent.GAVE_UP, 0, 1),
        (answered(0xA700, attempts=4), QueueEvent.DEFERRED, 0, 0),
        (answered(0x0122), QueueEvent.REFUSED, 0, 1),
        (answered(None), QueueEvent.DEFERRED, 0, 0),
        (unreachable(), QueueEvent.DEFERRED, 0, 0),
        (unreachable(attempts=3), QueueEvent.GAVE_UP, 0, 1),
        (unreachable(FailureKind.REJECTED_PERMANENT), QueueEvent.REFUSED, 0, 1),
        (Unwanted(target(), item(), "no context", BEGAN, ENDED, SYNTAX), QueueEvent.REFUSED, 0, 1),
        (Faulty(target(), item(), "file missing"), QueueEvent.GAVE_UP, 0, 1),
    ],
)
def test_what_becomes_of_the_item_and_what_the_node_counts(report, event, delivered, failed):
    move, news = what(report)
    assert (move.item_id, move.state, move.event) == (7, "Prepared", event)
    assert (news.delivered, news.failed) == (delivered, failed)


def test_every_attempt_is_counted_and_told_with_what_was_answered():
    done = settled(answered(0xA700, comment="disk full"))
    assert done.moves[0].columns["attempt_count"] == 3
    assert done.moves[0].columns["last_status"] == 0xA700
    assert done.moves[0].columns["last_error"].endswith(": disk full")
    (attempt,) = done.attempts
    assert (attempt["item_id"], attempt["node_id"], attempt["status"], attempt["comment"]) == (
        7,
        3,
        0xA700,
        "disk full",
    )
    assert (attempt["started_at"], attempt["ended_at"], attempt["bytes_sent"]) == (BEGAN, ENDED, 1000)
    assert (attempt["answer"], attempt["transfer_syntax_uid"]) == ("deferred", SYNTAX)


def test_with_a_warning_the_image_is_delivered_and_the_node_has_no_error():
    move, news = what(answered(0xB000))
    assert move.columns["warning"] is True and move.columns["last_error"]
    assert news.last_error == ""
    move, _ = what(answered(0x0000))
    assert (move.columns["warning"], move.columns["last_error"]) == (False, "")


def test_what_one_image_met_puts_off_that_image_and_what_the_node_did_the_node():
    """By the node's own back-off all of its items stay in their order."""
    move, _ = what(answered(0xA700))
    assert move.columns["not_before"] == NOW + timedelta(seconds=40)
    move, news = what(unreachable())
    assert "not_before" not in move.columns
    assert news.ordeal == [Failure(BEGAN, "nobody there")]


@pytest.mark.parametrize("status", [0x0000, 0xA700, 0x0122])
def test_any_answer_shows_that_the_node_is_there(status):
    assert what(answered(status, tried=0, first=True))[1].ordeal == [None]


@pytest.mark.parametrize(
    ("kind", "word"), [(FailureKind.TIMEOUT, "deferred"), (FailureKind.REJECTED_PERMANENT, "refused")]
)
def test_where_there_was_no_association_that_is_told_and_no_status_of_an_earlier_attempt(kind, word):
    done = settled(unreachable(kind))
    assert [(attempt["answer"], attempt["error"]) for attempt in done.attempts] == [(word, "nobody there")]
    assert done.moves[0].columns["last_status"] is None


def test_a_node_that_takes_an_image_in_no_form_it_can_be_given_is_there_and_why_is_told():
    done = settled(Unwanted(target(), item(), "no context", BEGAN, ENDED, SYNTAX))
    assert (done.news[3].ordeal, done.news[3].last_error) == ([None], "no context")
    (attempt,) = done.attempts
    assert [attempt[name] for name in ("answer", "error", "started_at", "ended_at", "transfer_syntax_uid")] == [
        *("refused", "no context", BEGAN, ENDED, "")
    ]


def test_an_association_that_ends_without_an_answer_speaks_against_the_node_where_the_image_is_not_suspected():
    assert what(answered(None, tried=0, first=True))[1].ordeal == [Failure(BEGAN, "no answer")]
    assert what(answered(None, tried=2, first=True))[1].ordeal == []
    assert what(answered(None, tried=0, first=False))[1].ordeal == []


def test_a_caller_that_is_turned_away_says_nothing_of_the_others():
    _, news = what(unreachable(of_any_caller=False))
    assert (news.ordeal, news.last_error) == ([], "nobody there")


@pytest.mark.parametrize(("before", "event"), [(True, QueueEvent.DELIVERED), (False, QueueEvent.REFUSED)])
def test_a_duplicate_is_delivered_only_where_it_may_have_been_sent_before(before, event):
    assert what(answered(0x0111), unanswered_before=before)[0].event is event


def test_what_this_machine_is_short_of_never_gives_an_image_up():
    done = settled(Faulty(target(attempts=1), item(), "too many open files", again=True))
    (move,) = done.moves
    assert (move.event, move.columns["attempt_count"], done.news) == (QueueEvent.DEFERRED, 3, {})
    assert move.columns["not_before"] == NOW + timedelta(seconds=40)


def test_what_was_never_tried_goes_back_without_a_trace():
    done = settled(Returned(target(), (item(),)))
    assert (done.returned, done.moves, done.attempts, done.news) == ([7], [], [], {})


def test_what_an_image_itself_met_holds_also_where_its_node_was_changed_meanwhile() -> None:
    changed = replace(target(), host="10.0.0.2")
    for report in (
        Unwanted(target(), item(), "no common syntax", BEGAN, ENDED, SYNTAX),
        Faulty(target(), item(), "file missing"),
        Returned(target(), (item(),)),
    ):
        assert as_of(report, changed) is report

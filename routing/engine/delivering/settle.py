"""What the couriers' reports mean for items, attempts, item logs and nodes (decision D3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from routing.core.instance import SendResult
from routing.core.states import QueueEvent, QueueState
from routing.core.syntax_choice import name
from routing.dicom.association_failures import FailureKind
from routing.dicom.status import DUPLICATE_SOP_INSTANCE, Answer, describe, meaning_of
from routing.engine.delivering.reports import Answered, Faulty, Report, Returned, Unreachable, Unwanted
from routing.engine.nodes.status import Failure, News
from routing.engine.nodes.target import Target
from routing.queue.claims import Deliverable
from routing.queue.item_log import log_line
from routing.queue.record import Move


@dataclass(slots=True)
class Settlement:
    """Everything that one transaction writes."""

    moves: list[Move] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    log_lines: list[dict[str, Any]] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    news: dict[int, News] = field(default_factory=dict)


def settle(reports: Iterable[Report], now: datetime, unanswered_before: Callable[[int, int], bool]) -> Settlement:
    """
    Decide what to write; nothing is written here.

    ``unanswered_before`` tells of an item and a node whether that may have been
    sent there before, as it is now, without an answer; it is asked only where
    that matters.
    """
    settling = _Settling(now, unanswered_before)
    for report in reports:
        match report:
            case Answered():
                settling.answered(report)
            case Unreachable():
                settling.unreachable(report)
            case Unwanted():
                settling.unwanted(report)
            case Faulty():
                settling.faulty(report)
            case Returned():
                settling.done.returned += [item.id for item in report.items]
    return settling.done


class _Settling:
    def __init__(self, now: datetime, unanswered_before: Callable[[int, int], bool]) -> None:
        self.done = Settlement()
        self._now = now
        self._unanswered_before = unanswered_before

    def answered(self, report: Answered) -> None:
        target, item, result = report.target, report.item, report.result
        news = self._news(target)
        again = result.status == DUPLICATE_SOP_INSTANCE and (
            report.unanswered is not None or self._unanswered_before(item.id, target.node_id)
        )
        answer = meaning_of(result, maybe_sent_before=again)
        error = ""
        if answer is not Answer.DELIVERED:
            words = f"{target.ae_title} answered {describe(result.status)}"
            error = result.error if result.status is None else ": ".join(filter(None, (words, result.comment)))
        if report.transcoded_from:
            text = f"transcoded from {name(report.transcoded_from)} to {name(report.transfer_syntax_uid)}"
            self._log(item, "info", text)
        if report.unanswered is not None:
            # Nobody's failure, and not counted; but the node may have the image from it.
            first = report.unanswered
            self._attempt_of(target, item, Answer.DEFERRED, first.error, first, report.transfer_syntax_uid)
        self._attempt_of(target, item, answer, error, result, report.transfer_syntax_uid)
        news.timed_out += result.timed_out
        if result.status is not None or result.refused_context:
            news.ordeal.append(None)
        elif report.first and not item.attempt_count:
            # An item that ended an association before is itself under suspicion, and must not hold up the node.
            news.ordeal.append(Failure(result.started_at, error))
        if error and answer is not Answer.WARNING:
            # With a warning the image was taken.
            news.last_error = error
        columns = {
            "attempt_count": item.attempt_count + 1,
            "last_error": error,
            "last_status": result.status,
            "prepared_file": item.prepared_file,
        }
        match answer:
            case Answer.DELIVERED | Answer.WARNING:
                news.delivered += 1
                self._move(item, QueueEvent.DELIVERED, error, columns | {"warning": answer is Answer.WARNING})
            case Answer.DEFERRED:
                self._defer(target, item, error, columns)
            case Answer.REFUSED:
                news.failed += 1
                self._move(item, QueueEvent.REFUSED, error, columns)

    def unreachable(self, report: Unreachable) -> None:
        """
        The items keep their ``not_before``: the node's own back-off holds all of its items, also those never tried.

        So they stay in their order, and all flow at once when the node is back.
        """
        target, text = report.target, report.text
        news = self._news(target)
        news.timed_out += report.kind is FailureKind.TIMEOUT
        for_good = report.kind is FailureKind.REJECTED_PERMANENT
        if report.of_any_caller:
            news.ordeal.append(Failure(report.started_at, text))
        else:
            # It is one caller that was turned away; the others may be welcome.
            news.last_error = text
        for item in report.items:
            answer = Answer.REFUSED if for_good else Answer.DEFERRED
            self._attempt(target, item, answer, text, started_at=report.started_at, ended_at=report.ended_at)
            columns = {"attempt_count": item.attempt_count + 1, "last_error": text, "last_status": None}
            if for_good:
                news.failed += 1
                self._move(item, QueueEvent.REFUSED, text, columns)
            else:
                self._defer(target, item, text, columns, by_node=True)

    def unwanted(self, report: Unwanted) -> None:
        target, item = report.target, report.item
        news = self._news(target)
        news.failed += 1
        news.last_error = report.text
        news.ordeal.append(None)
        self._attempt(target, item, Answer.REFUSED, report.text, started_at=report.started_at, ended_at=report.ended_at)
        columns = {"attempt_count": item.attempt_count + 1, "last_error": report.text, "last_status": None}
        self._move(item, QueueEvent.REFUSED, report.text, columns)

    def faulty(self, report: Faulty) -> None:
        item = report.item
        self._log(item, "error", report.trace or report.text)
        columns = {"last_error": report.text, "last_status": None}
        if report.again:
            # Counted, so that it is tried less and less often; but the node was not asked, so it is never given up.
            patient = replace(report.target, retry=replace(report.target.retry, attempts=None))
            self._defer(patient, item, report.text, columns | {"attempt_count": item.attempt_count + 1})
            return
        self._news(report.target).failed += 1
        self._move(item, QueueEvent.GAVE_UP, report.text, columns)

    def _defer(
        self, target: Target, item: Deliverable, text: str, columns: dict[str, Any], *, by_node: bool = False
    ) -> None:
        next_try = target.retry.next_try(item.attempt_count + 1, self._now)
        if next_try is None:
            self._news(target).failed += 1
            tries = item.attempt_count + 1
            self._move(item, QueueEvent.GAVE_UP, f"gave up after {tries} attempts: {text}", columns)
            return
        if not by_node:
            columns["not_before"] = next_try
        self._move(item, QueueEvent.DEFERRED, text, columns)

    def _move(self, item: Deliverable, event: QueueEvent, note: str, columns: dict[str, Any]) -> None:
        self.done.moves.append(Move(item.id, QueueState.PREPARED, event, note, columns))

    def _attempt_of(
        self, target: Target, item: Deliverable, answer: Answer, error: str, result: SendResult, syntax: str
    ) -> None:
        self._attempt(
            target,
            item,
            answer,
            error,
            started_at=result.started_at,
            ended_at=result.ended_at,
            status=result.status,
            comment=result.comment,
            bytes_sent=result.bytes_sent,
            transfer_syntax_uid=syntax,
        )

    def _attempt(
        self,
        target: Target,
        item: Deliverable,
        answer: Answer,
        error: str,
        *,
        started_at: datetime,
        ended_at: datetime,
        status: int | None = None,
        comment: str = "",
        bytes_sent: int = 0,
        transfer_syntax_uid: str = "",
    ) -> None:
        self.done.attempts.append(
            {
                "item_id": item.id,
                "node_id": target.node_id,
                "started_at": started_at,
                "ended_at": ended_at,
                "answer": answer.word,
                "status": status,
                "comment": comment,
                "error": error,
                "bytes_sent": bytes_sent,
                "transfer_syntax_uid": transfer_syntax_uid,
            }
        )

    def _log(self, item: Deliverable, level: str, text: str) -> None:
        self.done.log_lines.append(log_line(item.id, level, text, self._now))

    def _news(self, target: Target) -> News:
        return self.done.news.setdefault(target.node_id, News(target))

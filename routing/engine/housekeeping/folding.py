"""
Keep the story of an image short that is put off over and over, by its scripts or by its node, perhaps for a week.

Of a run of deferrals that are equal (the reason; of scripts their version and what each entry did,
of a node what it answered) the first and the newest stay as they are, and one line of the
history tells how often, since when and until when it was put off in between.  Their reports
or attempts go, and of what the item log says for them what stands there already for the same run.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from routing.core.repeated import REPEATED, Repeated
from routing.core.states import QueueEvent, QueueState
from routing.dicom.status import Answer
from routing.engine.preparing.facts import RECENT
from routing.models import Attempt, HistoryEntry, ItemLogLine, PrepareReport, QueueItem, TrafficMark, VersionMark
from scripts_app.core.outcome import Verdict

FIRST = NEWEST = 10
"""Deferrals of a run that are kept as they are, at its beginning and its end."""
_WORTH = 20
"""Further steps from which on an item is looked at."""
_WINDOW = 200
"""Newest steps of an item that one look reads."""
_LINES = 2000
"""The same of its log."""
_CHUNK = 10
"""Items of one transaction."""
_LONGEST = 10.0
"""Seconds that a look may take for what scripts put off, and for what nodes do: all else of housekeeping waits."""
_REPORT = ("id", "at", "verdict", "message", "script_version_id", "entries", "routes", "outputs")

_Detail = PrepareReport | Attempt


@dataclass(frozen=True, slots=True)
class _Step:
    entry: HistoryEntry
    detail: _Detail | None
    """None: the machine lacked something, or the line stands for several."""

    @property
    def repeated(self) -> Repeated:
        return Repeated.told_by(self.entry.event, self.entry.note, self.entry.at)


def fold_deferrals() -> int:
    """
    Fold the deferrals of images that are still put off; returns how many lines of the history went.

    A report that the tallies of the versions have not counted yet, or a step that the traffic has not, stays;
    so do the attempts that scripts are told of as recent ones of a node.
    """
    put_off = HistoryEntry.objects.filter(item__state=QueueState.NEW).exclude(item__last_error="")
    not_sent = HistoryEntry.objects.filter(
        item__state=QueueState.PREPARED, item__attempt_count__gt=FIRST + NEWEST + _WORTH
    )
    reports = VersionMark.objects.filter(pk=1).values_list("report_id", flat=True).first() or 0
    steps = TrafficMark.objects.filter(pk=1).values_list("history_id", flat=True).first() or 0

    def counted(step: _Step) -> bool:
        told = not isinstance(step.detail, PrepareReport) or step.detail.pk <= reports
        return told and (step.entry.from_state == QueueState.NEW or step.entry.pk <= steps)

    recent = timezone.now() - RECENT
    return _fold_all(_often(put_off), None, counted) + _fold_all(_often(not_sent), recent, counted)


def _often(steps: QuerySet[HistoryEntry]) -> list[int]:
    often = steps.order_by().values("item").annotate(steps=Count("id")).filter(steps__gt=FIRST + NEWEST + _WORTH)
    return list(often.values_list("item", flat=True))


def _fold_all(items: Sequence[int], until: datetime | None, counted: Callable[[_Step], bool]) -> int:
    gone, ends = 0, time.monotonic() + _LONGEST
    for at in range(0, len(items), _CHUNK):
        with transaction.atomic():
            gone += sum(_fold(item, until, counted) for item in items[at : at + _CHUNK])
        if time.monotonic() > ends:
            # What is folded is not worth a look any more, so the next one goes on with the others.
            break
    return gone


def _fold(item: int, until: datetime | None, counted: Callable[[_Step], bool]) -> int:
    # Of two housekeepers, as when a clock was set, one would count again what the other has just folded.
    # Not waited for: who records other items of this transaction may wait for one that it has.
    if not list(QueueItem.objects.filter(id=item).select_for_update(skip_locked=True).values_list("id")):
        return 0
    gone = 0
    for run in _runs(item, until):
        middle = [step for step in run[FIRST:-NEWEST] if counted(step)]
        if len(middle) > 1:
            _put_together(item, run[:FIRST], middle)
            gone += len(middle) - 1
    return gone


def _runs(item: int, until: datetime | None) -> Iterator[list[_Step]]:
    """Equal deferrals that follow each other, in the order of time; none later than ``until``."""
    steps, tries = HistoryEntry.objects.filter(item=item), Attempt.objects.filter(item=item)
    if until is not None:
        steps, tries = steps.filter(at__lte=until), tries.filter(ended_at__lte=until)
    entries = list(steps.order_by("-id")[:_WINDOW])[::-1]
    reports = deque(list(PrepareReport.objects.filter(item=item).only(*_REPORT).order_by("-id")[:_WINDOW])[::-1])
    attempts = deque(list(tries.order_by("-id")[:_WINDOW])[::-1])
    run: list[_Step] = []
    reason: Hashable = None
    for entry in entries:
        # Made just before the move is recorded.
        report = attempt = None
        while reports and reports[0].at <= entry.at:
            report = reports.popleft()
        while attempts and attempts[0].ended_at <= entry.at:
            attempt = attempts.popleft()
        if run and (entry.event, entry.from_state) == (REPEATED, run[0].entry.from_state):
            # It stands behind the first of its own run.
            run.append(_Step(entry, None))
            continue
        step = _Step(entry, attempt if entry.from_state == QueueState.PREPARED else report)
        why = _why(step)
        if why is None or why != reason:
            yield run
            run = []
        if why is not None:
            run.append(step)
        reason = why
    yield run


def _why(step: _Step) -> Hashable:
    """What equal deferrals have in common; None for everything else."""
    entry = step.entry
    if entry.event != QueueEvent.DEFERRED:
        return None
    said: Hashable = entry.from_state, entry.note, entry.actor
    match step.detail:
        case None:
            return said
        case Attempt() as attempt:
            if (attempt.answer, attempt.error) != (Answer.DEFERRED.word, entry.note):
                return None
            return said, attempt.node_id, attempt.status, attempt.comment, attempt.transfer_syntax_uid
        case PrepareReport() as report:
            if (report.verdict, report.message) != (Verdict.RETRY, entry.note):
                return None
            return said, report.script_version_id, _told_by_scripts(report)


def _told_by_scripts(report: PrepareReport) -> str:
    return json.dumps([report.entries, report.routes, report.outputs], sort_keys=True)


def _put_together(item: int, kept: Sequence[_Step], middle: Sequence[_Step]) -> None:
    """The first of these steps becomes the line that tells of all; ``kept`` are those of its run before them."""
    told = Repeated(sum(step.repeated.times for step in middle), middle[0].repeated.since)
    line, *others = (step.entry for step in middle)
    until = middle[-1].entry.at
    HistoryEntry.objects.filter(pk=line.pk).update(event=REPEATED, at=until, note=str(told))
    HistoryEntry.objects.filter(pk__in=[entry.pk for entry in others]).delete()
    first = kept[0]
    if first.entry.from_state == QueueState.PREPARED:
        before = kept[-1].entry.at
        _shorten_log(item, first.entry.at, until, lambda at: at > before)
        attempts = [step.detail.pk for step in middle if isinstance(step.detail, Attempt)]
        Attempt.objects.filter(pk__in=attempts).delete()
        return
    reports = [step.detail for step in middle if isinstance(step.detail, PrepareReport)]
    if reports and isinstance(first.detail, PrepareReport):
        runs = {report.at for report in reports}
        _shorten_log(item, first.detail.at, max(runs), lambda at: at in runs)
        PrepareReport.objects.filter(pk__in=[report.pk for report in reports]).delete()


def _shorten_log(item: int, since: datetime, until: datetime, goes: Callable[[datetime], bool]) -> None:
    """Remove what stands there already of what was written at moments that go."""
    lines = ItemLogLine.objects.filter(item=item, at__gte=since, at__lte=until).order_by("-id")
    told: set[Hashable] = set()
    again = []
    for pk, at, *what in list(lines.values_list("id", "at", "level", "source", "entry", "line", "text")[:_LINES])[::-1]:
        if goes(at) and tuple(what) in told:
            again.append(pk)
        told.add(tuple(what))
    ItemLogLine.objects.filter(pk__in=again).delete()

"""
Keep the story of an image short that its scripts put off over and over, perhaps every five seconds for a week.

Of a run of deferrals that are equal (the reason, the version of the scripts, what each entry
did) the first and the newest stay as they are, and one line of the history tells how
often, since when and until when it was put off in between.  Their reports go, and
of what the item log says for them what stands there already for the same run.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count

from routing.core.repeated import REPEATED, Repeated
from routing.core.states import QueueEvent, QueueState
from routing.models import HistoryEntry, ItemLogLine, PrepareReport, QueueItem, VersionMark
from scripts_app.core.outcome import Verdict

FIRST = NEWEST = 10
"""Deferrals of a run that are kept as they are, at its beginning and its end."""
_WORTH = 20
"""Further steps from which on an item is looked at."""
_WINDOW = 200
"""Newest steps of an item that one look reads."""
_LINES = 2000
"""The same of its log."""
_REPORT = ("id", "at", "verdict", "message", "script_version_id", "entries", "routes", "outputs")


@dataclass(frozen=True, slots=True)
class _Step:
    entry: HistoryEntry
    report: PrepareReport | None
    """None: the machine lacked something, or the line stands for several."""

    @property
    def repeated(self) -> Repeated:
        return Repeated.told_by(self.entry.event, self.entry.note, self.entry.at)


def fold_deferrals() -> int:
    """
    Fold the deferrals of images that are still put off; returns how many lines of the history went.

    A report that the tallies of the versions have not counted yet stays, and its step with it.
    """
    counted = VersionMark.objects.filter(pk=1).values_list("report_id", flat=True).first() or 0
    steps = HistoryEntry.objects.filter(item__state=QueueState.NEW).exclude(item__last_error="")
    often = steps.order_by().values("item").annotate(steps=Count("id")).filter(steps__gt=FIRST + NEWEST + _WORTH)
    return sum(_fold(item, counted) for item in list(often.values_list("item", flat=True)))


@transaction.atomic
def _fold(item: int, counted: int) -> int:
    # Of two housekeepers, as when a clock was set, one would count again what the other has just folded.
    if not list(QueueItem.objects.filter(id=item).select_for_update().values_list("id")):
        return 0
    gone = 0
    for run in _runs(item):
        middle = [step for step in run[FIRST:-NEWEST] if step.report is None or step.report.pk <= counted]
        if len(middle) > 1:
            _put_together(item, run[0], middle)
            gone += len(middle) - 1
    return gone


def _runs(item: int) -> Iterator[list[_Step]]:
    """Equal deferrals that follow each other, in the order of time."""
    entries = list(HistoryEntry.objects.filter(item=item).order_by("-id")[:_WINDOW])[::-1]
    reports = deque(list(PrepareReport.objects.filter(item=item).only(*_REPORT).order_by("-id")[:_WINDOW])[::-1])
    run: list[_Step] = []
    reason: Hashable = None
    for entry in entries:
        report = None
        # A report is made just before the move is recorded, in the same transaction.
        while reports and reports[0].at <= entry.at:
            report = reports.popleft()
        if run and entry.event == REPEATED:
            # It stands behind the first of its own run.
            run.append(_Step(entry, None))
            continue
        why = _why(entry, report)
        if why is None or why != reason:
            yield run
            run = []
        if why is not None:
            run.append(_Step(entry, report))
        reason = why
    yield run


def _why(entry: HistoryEntry, report: PrepareReport | None) -> Hashable:
    """What equal deferrals have in common; None for everything else."""
    if (entry.event, entry.from_state) != (QueueEvent.DEFERRED, QueueState.NEW):
        return None
    if report is None:
        return entry.note, entry.actor
    if (report.verdict, report.message) != (Verdict.RETRY, entry.note):
        return None
    story = json.dumps([report.entries, report.routes, report.outputs], sort_keys=True)
    return entry.note, entry.actor, report.script_version_id, story


def _put_together(item: int, first: _Step, middle: Sequence[_Step]) -> None:
    """The first of these steps becomes the line that tells of all."""
    told = Repeated(sum(step.repeated.times for step in middle), middle[0].repeated.since)
    line, *others = (step.entry for step in middle)
    HistoryEntry.objects.filter(pk=line.pk).update(event=REPEATED, at=middle[-1].entry.at, note=str(told))
    HistoryEntry.objects.filter(pk__in=[entry.pk for entry in others]).delete()
    reports = [step.report for step in middle if step.report is not None]
    if reports and first.report is not None:
        _shorten_log(item, first.report.at, {report.at for report in reports})
        PrepareReport.objects.filter(pk__in=[report.pk for report in reports]).delete()


def _shorten_log(item: int, since: datetime, runs: set[datetime]) -> None:
    """Remove what these runs of the scripts wrote where the same stands there already."""
    lines = ItemLogLine.objects.filter(item=item, at__gte=since, at__lte=max(runs)).order_by("-id")
    told: set[Hashable] = set()
    again = []
    for pk, at, *what in list(lines.values_list("id", "at", "level", "source", "entry", "line", "text")[:_LINES])[::-1]:
        if at in runs and tuple(what) in told:
            again.append(pk)
        told.add(tuple(what))
    ItemLogLine.objects.filter(pk__in=again).delete()

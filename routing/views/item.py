"""One item: what became of it, what happened to it, and why it went where it went."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from routing.core.repeated import REPEATED, Repeated
from routing.core.states import QueueEvent, QueueState
from routing.dicom.status import describe
from routing.models import Attempt, HistoryEntry, OperatorAction, OperatorStep, PrepareReport, QueueItem
from routing.operating.undo import last_undoable
from routing.people.sight import Sight
from routing.people.viewed import note_view
from routing.queue.step_back import UNDONE
from routing.selecting.bulk import item_offers
from routing.selecting.neighbours import neighbours
from routing.selecting.offers import offers
from routing.showing.changes import output_changes
from routing.showing.led_by import BY_PEOPLE
from routing.showing.long_story import story_of
from routing.views.request import HtmxHttpRequest, draw

RELATED = 20
"""Items of the same study that are listed; the rest is one click away in the queue."""
LOG_LINES = 500


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def queue_item(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    return draw_item(request, _item(item_id))


@require_GET
@permission_required("routing.view_queueitem", raise_exception=True)
def item_related(request: HtmxHttpRequest, item_id: int) -> HttpResponse:
    """What was made from the same image, and the rest of its study."""
    item = _item(item_id)
    context = {"item": item, "sight": Sight.of(request.user), "fragment": True, **_related(item)}
    return render(request, "routing/_item_related.html", context)


def draw_item(request: HtmxHttpRequest, item: QueueItem) -> HttpResponse:
    note_view(request.user, "item", item.pk)
    context = story(item, request)
    if not request.htmx or request.htmx.history_restore_request:
        context |= {"near": neighbours(item, request.GET, context["sight"]), **_related(item)}
    return draw(request, "routing/queue_item.html", "routing/_queue_item.html", context)


def _item(item_id: int) -> QueueItem:
    return get_object_or_404(QueueItem.objects.select_related("node", "script_version"), pk=item_id)


def story(item: QueueItem, request: HtmxHttpRequest) -> dict[str, Any]:
    """Everything the page tells of one item."""
    report = _report(item)
    siblings = QueueItem.objects.filter(received_id=item.received_id).order_by("id").defer("recipe")
    outputs = output_changes(report.outputs, item.destination_ae_title) if report else []
    history_told = story_of(item.history.select_related("item"))
    attempts_told = story_of(item.attempts.select_related("node"))
    history = history_told.steps
    last = _led_here(history)
    before = [item.created_at, *(entry.at for entry in history)]
    lines = list(item.log_lines.order_by("-id")[: LOG_LINES + 1])
    return {
        "sight": Sight.of(request.user),
        "item": item,
        "replays": siblings.filter(replay_of=item.pk),
        **(_buttons(item, request) if request.user.has_perm("routing.operate_queue") else {}),
        "history": [(entry, entry.at - earlier) for entry, earlier in zip(history, before, strict=False)],
        "history_told": history_told,
        "deed": BY_PEOPLE.get(last.event, "") if last else "",
        "last": last,
        "delivered_before": item.history.filter(to_state=QueueState.DELIVERED).exists(),
        "received": bool(history) and not history[0].from_state,
        "test_image": bool(history) and history[0].event == "test image",
        "attempts": [
            (attempt, describe(attempt.status), times)
            for attempt, times in zip(attempts_told.steps, _told_together(attempts_told.steps, history), strict=True)
        ],
        "attempts_told": attempts_told,
        "taken_unrecorded": item.history.filter(event=QueueEvent.DELIVERED, actor=HistoryEntry.RECOVERY).exists(),
        "status_words": describe(item.last_status) if item.last_status is not None else "",
        "report": report,
        "outputs": outputs,
        "log_lines": lines[:LOG_LINES][::-1],
        "log_cut": len(lines) > LOG_LINES,
    }


def _told_together(attempts: Sequence[Attempt], history: Sequence[HistoryEntry]) -> Iterator[int]:
    """For each attempt how many followed it of which only a line of the history tells."""
    lines = [line for line in history if (line.event, line.from_state) == (REPEATED, QueueState.PREPARED)]
    folded = deque((line.at, Repeated.told_by(line.event, line.note, line.at).times) for line in lines)
    for place in range(1, len(attempts) + 1):
        following = attempts[place].ended_at if place < len(attempts) else None
        times = 0
        while folded and (following is None or folded[0][0] < following):
            times += folded.popleft()[1]
        yield times


def _led_here(history: Sequence[HistoryEntry]) -> HistoryEntry | None:
    """
    What brought the item into its state, however much has happened to it there: it was replayed, or its node renamed.

    A step that was taken back brought it nowhere.
    """
    led: list[HistoryEntry] = []
    back: HistoryEntry | None = None
    for entry in history:
        if entry.from_state == entry.to_state:
            continue
        if entry.event != UNDONE:
            led.append(entry)
            continue
        back = entry
        if led:
            led.pop()
    return led[-1] if led else back


def _buttons(item: QueueItem, request: HtmxHttpRequest) -> dict[str, Any]:
    return {
        "offers": offers(item),
        "asks": item_offers(item),
        "undoable": _undoable(item, request.user.get_username()),
    }


def _undoable(item: QueueItem, actor: str) -> OperatorAction | None:
    """What this person may still take back of what they did to this image's items."""
    done = last_undoable(actor)
    if done is None:
        return None
    same_image = QueueItem.objects.filter(received_id=item.received_id).order_by().values("pk")
    return done if OperatorStep.objects.filter(action=done, item_id__in=same_image).exists() else None


def _report(item: QueueItem) -> PrepareReport | None:
    """
    Why the item went where it went.

    A copy met no script itself (D4): the run that made it tells, not a later
    one of its original.
    """
    reports = PrepareReport.objects.filter(item_id=item.decided_in).select_related("script_version")
    run = reports.filter(at__lte=item.created_at) if item.is_copy else reports
    return run.last() or reports.last()


def _related(item: QueueItem) -> dict[str, Any]:
    siblings = QueueItem.objects.filter(received_id=item.received_id).exclude(pk=item.pk).order_by("id")
    study = QueueItem.objects.none()
    if item.study_instance_uid:
        study = QueueItem.objects.filter(study_instance_uid=item.study_instance_uid)
        study = study.exclude(received_id=item.received_id).order_by("-id")
    return {"siblings": siblings.defer("recipe")[:RELATED], "study": study.defer("recipe")[:RELATED]}

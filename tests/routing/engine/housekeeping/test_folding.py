"""An image that is put off over and over has a short story, in which nothing is missing that one could want to know."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from routing.core.repeated import REPEATED, Repeated
from routing.core.states import QueueEvent
from routing.database.version_counts import VersionCounter
from routing.engine.housekeeping.folding import FIRST, NEWEST, fold_deferrals
from routing.engine.housekeeping.process import Housekeeper
from routing.models import HistoryEntry, ItemLogLine, PrepareReport, QueueItem, VersionTally
from routing.queue.record import record_for
from scripts_app.activation import activate, stored_collection
from tests.builders import queue_item
from tests.routing.engine.preparing.preparation import Preparation, item

pytestmark = pytest.mark.django_db

KEPT = FIRST + 1 + NEWEST


def active(script: str) -> None:
    entry = {"key": "new", "description": "", "enabled": True, "script": script, "conditions": []}
    activate({**stored_collection(), "entries": [{**entry, "ae_titles": [], "on_error": "skip"}]}, "anna", "because")


def put_off(work: Preparation, times: int) -> None:
    for _ in range(times):
        QueueItem.objects.update(not_before=timezone.now())
        assert work.step() == 1


def fold() -> int:
    """As a round of housekeeping: nothing goes that is still to be counted."""
    counter = VersionCounter()
    counter.look()
    while counter.step():
        pass
    return fold_deferrals()


def deferrals() -> list[tuple[int, datetime, datetime]]:
    """Of every line of the history about a deferral: how often, since when, until when."""
    lines = HistoryEntry.objects.filter(event__in=["deferred", REPEATED])
    told = [(Repeated.told_by(line.event, line.note, line.at), line.at) for line in lines]
    return [(each.times, each.since, until) for each, until in told]


def moments() -> list[datetime]:
    return list(HistoryEntry.objects.filter(event="deferred").values_list("at", flat=True))


def test_equal_deferrals_are_kept_as_the_first_the_newest_and_a_line_that_counts(work: Preparation) -> None:
    active("print('so far') error('retry: hold until the study is complete')")
    image = work.image()
    put_off(work, 60)
    at = moments()
    assert fold() == 60 - KEPT
    assert deferrals() == [
        *((1, moment, moment) for moment in at[:FIRST]),
        (60 - FIRST - NEWEST, at[FIRST], at[-NEWEST - 1]),
        *((1, moment, moment) for moment in at[-NEWEST:]),
    ]
    assert PrepareReport.objects.count() == FIRST + NEWEST
    assert ItemLogLine.objects.filter(text="so far").count() == FIRST + NEWEST
    assert VersionTally.objects.get().put_off == 60
    assert item(image).last_error == "entry 1, line 1: retry: hold until the study is complete"


def test_however_long_it_goes_on_the_story_does_not_grow(work: Preparation) -> None:
    active("error('retry: not yet')")
    work.image()
    put_off(work, 1)
    (began,) = moments()
    for _ in range(3):
        put_off(work, 50)
        fold()
        assert len(deferrals()) == KEPT
    assert sum(times for times, *_ in deferrals()) == VersionTally.objects.get().put_off == 151
    assert deferrals()[0][1] == began
    untils = [until for *_, until in deferrals()]
    assert untils == sorted(untils) and untils[-1] == moments()[-1]
    assert fold() == 0


@pytest.mark.parametrize("change", ["reason", "version", "person"])
def test_another_reason_another_version_and_a_person_s_step_begin_a_new_run(work: Preparation, change: str) -> None:
    active("error('retry: not yet')")
    image = work.image()
    put_off(work, 45)
    ended = moments()[-1]
    if change == "person":
        record_for(QueueItem.objects.filter(id=image), QueueEvent.FAILED_BY_OPERATOR, actor="anna")
        record_for(QueueItem.objects.filter(id=image), QueueEvent.PREPARE_AGAIN, actor="anna")
    else:
        active("error('retry: not now')" if change == "reason" else "error('retry: not yet') -- as agreed")
    put_off(work, 45)
    assert fold() == 2 * (45 - KEPT)
    runs = [times for times, since, _ in deferrals() if since <= ended], [t for t, at, _ in deferrals() if at > ended]
    assert runs == ([*[1] * FIRST, 45 - FIRST - NEWEST, *[1] * NEWEST],) * 2


def test_what_a_script_wrote_only_once_stays(work: Preparation) -> None:
    active("print('so far') error('retry: not yet')")
    work.image()
    put_off(work, 60)
    said = ItemLogLine.objects.filter(source="script").order_by("id")[30]
    ItemLogLine.objects.filter(id=said.pk).update(text="3 of 9 images are here")
    fold()
    assert ItemLogLine.objects.filter(id=said.pk).exists()
    assert ItemLogLine.objects.filter(source="script").count() == FIRST + NEWEST + 1


def test_a_run_that_is_not_counted_yet_stays(work: Preparation) -> None:
    active("error('retry: not yet')")
    work.image()
    put_off(work, 60)
    assert fold_deferrals() == 0
    assert PrepareReport.objects.count() == len(moments()) == 60


def lacks_room(image: int, times: int) -> None:
    note, now = "No space left on device: tried again", timezone.now()
    move: dict[str, Any] = {"event": "deferred", "from_state": "New", "to_state": "New", "actor": "worker"}
    QueueItem.objects.filter(id=image).update(last_error=note)
    HistoryEntry.objects.bulk_create(
        HistoryEntry(item_id=image, at=now + timedelta(seconds=second), note=note, **move) for second in range(times)
    )


def test_what_the_machine_lacks_is_folded_without_a_report() -> None:
    lacks_room(queue_item("New").pk, 60)
    assert fold() == 60 - KEPT
    assert sum(times for times, *_ in deferrals()) == 60


def test_housekeeping_folds(work: Preparation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = dataclasses.replace(settings.CAPACITOR, data_dir=tmp_path, durable="none")
    monkeypatch.setattr(settings, "CAPACITOR", own)
    lacks_room(work.image(), 60)
    Housekeeper("host:1:me").step()
    assert len(deferrals()) == KEPT


def test_of_a_run_from_before_each_look_folds_a_part(work: Preparation) -> None:
    active("error('retry: not yet')")
    work.image()
    put_off(work, 450)
    at = moments()
    while fold():
        pass
    assert len(deferrals()) == KEPT
    assert sum(times for times, *_ in deferrals()) == 450
    assert deferrals()[FIRST][1:] == (at[FIRST], at[-NEWEST - 1])

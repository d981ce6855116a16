"""Put right what dead processes of this machine left: record what they sent, free what they held."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.database.rows import insert
from routing.dicom.status import SUCCESS, Answer, describe, meaning
from routing.engine import story
from routing.engine.doubts import note_doubts
from routing.engine.watching.said import lines_of
from routing.engine.watching.watch import Casualty
from routing.folders import run_folder
from routing.models import HistoryEntry, ItemLogLine, PrepareReport, QueueItem, Rehearsal, ServiceProcess
from routing.processes.presence import Departed, departed, owners
from routing.queue.giving_back import give_back
from routing.queue.record import Move, record, record_for
from scripts_app.core.outcome import Outcome
from scripts_app.core.reports import cut_short
from scripts_app.loader import current as active_scripts

log = logging.getLogger("capacitor.process")


@dataclass(frozen=True, slots=True)
class Settled:
    """Items of dead processes: those they had sent are recorded, the others freed."""

    recorded: int = 0
    freed: int = 0

    def __add__(self, other: Settled) -> Settled:
        return Settled(self.recorded + other.recorded, self.freed + other.freed)

    def as_detail(self) -> dict[str, int]:
        return {"recorded": self.recorded, "freed": self.freed} if self != Settled() else {}


def settle_departed(casualty: Casualty | None = None) -> Settled:
    """
    Put right what dead processes of this machine left: record what they sent, free what they held.

    The item of a casualty fails when its script ended the process or had to be
    ended, and would do so again; one that died of something else stays counted.
    """
    done = Settled()
    for owner in owners(run_folder()):
        with departed(run_folder(), owner) as found:
            if found is not None:
                done += _settle(found, casualty if casualty and casualty.owner == owner else None)
    if casualty is not None and casualty.message:
        # Another process may have settled its worker before this one came to know of the casualty.
        scripts = active_scripts()
        outcome = cut_short(scripts.entries, casualty.message, casualty.place, said=lines_of(casualty.said))
        item = QueueItem.objects.filter(id=casualty.item_id, state=QueueState.NEW)
        if record_for(item, QueueEvent.GAVE_UP, actor="watchdog", note=outcome.message).moved:
            _tell_of(casualty.item_id, outcome, scripts.version)
    return done


def _tell_of(item_id: int, outcome: Outcome, version: int | None) -> None:
    """A run that nobody was left to report; it ran what is active, unless that has just changed."""
    QueueItem.objects.filter(id=item_id).update(last_error=outcome.message)
    story.to_application_log(outcome.log)
    now = timezone.now()
    PrepareReport.objects.create(**story.report(item_id, outcome, version, 0, now))
    insert(ItemLogLine, story.log(item_id, outcome, now))


@transaction.atomic
def _settle(found: Departed, casualty: Casualty | None) -> Settled:
    sent = record(
        [_delivered(item, found.statuses.get(item, SUCCESS)) for item in found.sent],
        actor=HistoryEntry.RECOVERY,
        owner=found.owner,
    )
    # Counted, though nobody knows more of it than the answer.
    QueueItem.objects.filter(id__in=sent).update(attempt_count=F("attempt_count") + 1)
    note_doubts(found.owner, f"process {found.owner} ended with it in hand")
    freed = give_back(found.owner, begun=[casualty.item_id] if casualty else None)
    Rehearsal.objects.filter(owner=found.owner).update(owner="", until=None)
    ServiceProcess.objects.filter(owner=found.owner).delete()
    log.warning("process %s had ended: %d items it had sent are recorded, %d given back", found.owner, len(sent), freed)
    return Settled(len(sent), freed)


def _delivered(item: int, status: int) -> Move:
    warned = meaning(status) is Answer.WARNING
    words = f"answered {describe(status)}" if warned else ""
    note = "; ".join(filter(None, ("the sender ended before it could record this", words)))
    # What came of earlier attempts must not stand beside it.
    columns = {"last_error": words, "last_status": status, "warning": warned}
    return Move(item, QueueState.PREPARED, QueueEvent.DELIVERED, note, columns)

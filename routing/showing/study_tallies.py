"""What became of the images of studies and series, by destination."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Max, OuterRef, Subquery

from routing.core.states import QueueEvent, QueueState
from routing.core.study_tally import DELETED, Tally, answer
from routing.models import PrepareReport, QueueItem
from routing.selecting.bulk import BulkOffer, study_offers
from routing.showing.led_by import led_by


@dataclass(frozen=True, slots=True)
class Counted:
    """A study or a series, and what became of its images by destination."""

    uid: str
    destinations: dict[str, Tally]

    @property
    def whole(self) -> Tally:
        return sum(self.destinations.values(), Tally())

    @property
    def offers(self) -> list[BulkOffer]:
        return study_offers(self.whole.states)


@dataclass(frozen=True, slots=True)
class Study(Counted):
    """One row of the list."""

    item: QueueItem
    """The one that names patient, modality and accession: as received, where that is known."""

    @property
    def answer(self) -> str:
        return answer(self.destinations)


@dataclass(frozen=True, slots=True)
class Series(Counted):
    modality: str


def tallied_studies(found: list[tuple[str, int]]) -> list[Study]:
    """The studies with these UIDs, each given with its newest item; those that have gone meanwhile are left out."""
    uids = [uid for uid, _ in found]
    newest = QueueItem.objects.defer("recipe").in_bulk([latest for _, latest in found])
    # A copy may be anonymous; what was received says whose study it is, as long as it is the same study.
    received = QueueItem.objects.defer("recipe").in_bulk([item.received_id for item in newest.values()])
    rows = QueueItem.objects.filter(study_instance_uid__in=uids).standing().order_by()
    tallies = _tallies(rows, "study_instance_uid")
    shown = []
    for uid, latest in found:
        item = newest.get(latest)
        if item is None:
            continue
        original = received.get(item.received_id)
        item = original if original is not None and original.study_instance_uid == uid else item
        shown.append(Study(uid, tallies.get(uid, {}), item))
    return shown


def tallied_series(items: Any) -> list[Series]:
    """The series of a study's items."""
    name = "series_instance_uid"
    modalities = dict(items.order_by().values_list(name).annotate(modality=Max("modality")))
    return [Series(uid, tallies, modalities.get(uid, "")) for uid, tallies in sorted(_tallies(items, name).items())]


def left_undone(items: Any) -> tuple[int, int | None]:
    """
    How many of the images had entries that went wrong and were skipped, and the newest of them.

    Nothing of such an entry held, so a copy for a destination may be missing that no count of items knows of.
    """
    newest = PrepareReport.objects.filter(item=OuterRef("pk")).order_by("-id").values("errors")[:1]
    gone_on = items.order_by().exclude(state__in=(QueueState.NEW, QueueState.FAILED))
    told = gone_on.annotate(errors=Subquery(newest)).filter(errors__gt=0).aggregate(n=Count("pk"), newest=Max("pk"))
    return told["n"], told["newest"]


def _tallies(items: Any, name: str) -> dict[str, dict[str, Tally]]:
    """Counted by the UID in that column, and by destination."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    rows: Iterable[tuple[str, str, str, int]]
    rows = items.order_by().values_list(name, "destination_ae_title", "state").annotate(n=Count("pk"))
    for uid, destination, state, number in rows:
        counts.setdefault(uid, {}).setdefault(destination, {})[state] = number
    if any(QueueState.DROPPED in states for found in counts.values() for states in found.values()):
        for uid, destination, number in (
            _deleted(items).values_list(name, "destination_ae_title").annotate(n=Count("pk"))
        ):
            counts[uid][destination][DELETED] = number
    return {
        uid: {destination: Tally.of(states) for destination, states in sorted(found.items())}
        for uid, found in counts.items()
    }


def _deleted(items: Any) -> Any:
    """Those that left the queue because a person said so, and not a script."""
    dropped = items.order_by().filter(state=QueueState.DROPPED).annotate(led_by=led_by())
    return dropped.filter(led_by=QueueEvent.DELETED_BY_OPERATOR)

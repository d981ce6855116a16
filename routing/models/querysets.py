"""Questions that several parts ask the queue; the same answer for pages, scripts and commands."""

from __future__ import annotations

from datetime import datetime
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.functions import Coalesce

from routing.core.states import QUEUE_STATES, WAITING_STATES, QueueState

if TYPE_CHECKING:
    from routing.models.queue import QueueItem  # noqa: F401


def delivered_since(moment: datetime) -> models.Q:
    """What arrived after a question was asked: what was to bring it there would send it twice."""
    return models.Q(state=QueueState.DELIVERED, updated_at__gt=moment)


def named(text: str) -> models.Q:
    """
    Patients whose name holds this, in upper or lower case.

    SQLite folds the case of ASCII alone, and modalities write MÜLLER where a
    person looks for Müller: it is asked for the usual ways to write it.
    """
    ways = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    return reduce(or_, (models.Q(patient_name__icontains=way) for way in sorted(ways)))


class QueueItemQuerySet(models.QuerySet["QueueItem"]):
    """Chainable parts of queries over queue items."""

    def queued(self) -> QueueItemQuerySet:
        """Items that Lua's queue knows: neither delivered nor dropped."""
        return self.filter(state__in=QUEUE_STATES)

    def waiting(self) -> QueueItemQuerySet:
        """Items that somebody still works on: New or Prepared."""
        return self.filter(state__in=WAITING_STATES)

    def standing(self) -> QueueItemQuerySet:
        """
        Items that tell where their images stand: one for each image, destination and kind within a study.

        A replay, or the copies of another preparation, take the place of the
        earlier item for the same destination; one that was dropped takes none.
        """
        later = self.model.objects.filter(received_id=models.OuterRef("received_id")).exclude(state=QueueState.DROPPED)
        # SQLite counts nothing: it would take the index of the study, and look through all of it for each item.
        later = later.annotate(
            number=models.F("pk") + models.Value(0),
            study=Coalesce("study_instance_uid", models.Value("")),
            place=Coalesce("destination_ae_title", models.Value("")),
        ).filter(
            number__gt=models.OuterRef("pk"),
            study=models.OuterRef("study_instance_uid"),
            place=models.OuterRef("destination_ae_title"),
        )
        original, copy = models.Q(copied_from=None), models.Q(copied_from__isnull=False)
        # An original and a copy for its own destination are two items, and both are to arrive (D4).
        replaced = [kind & models.Q(models.Exists(later.filter(kind).order_by())) for kind in (original, copy)]
        return self.exclude(replaced[0] | replaced[1])

    def counts(self) -> dict[str, int]:
        """Number of items for every state, zeros included, in the order of the states."""
        found = {row["state"]: row["n"] for row in self.order_by().values("state").annotate(n=models.Count("id"))}
        return {state.value: found.get(state.value, 0) for state in QueueState}

    def counts_by_destination(self) -> dict[str, dict[str, int]]:
        """For every destination AE title the counts of its states, those that occur."""
        rows: Any = self.order_by().values("destination_ae_title", "state").annotate(n=models.Count("id"))
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["destination_ae_title"], {})[row["state"]] = row["n"]
        return dict(sorted(found.items()))

    def oldest_waiting_at(self) -> datetime | None:
        """When the oldest item that still waits came in."""
        return self.waiting().order_by("id").values_list("created_at", flat=True).first()

"""Run a draft over images that the scripts have met, and tell how it would have been: nothing of it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.core.states import QueueState
from routing.core.study_splits import note as note_study
from routing.database.rows import insert
from routing.engine.rehearsing.trial_batch import Ask, answers_to
from routing.models import PrepareReport, QueueItem, Rehearsal, RehearsedImage
from routing.spool.spool import Spool
from scripts_app.core.collection import Collection, addressed, collection_of
from scripts_app.core.comparison import Comparison, Effect, compared, name_of
from scripts_app.core.script_content import fingerprint
from scripts_app.loader import from_version
from scripts_app.models import Activation, ScriptVersion
from scripts_app.outside import outside

Tried = tuple[int, Effect, dict[str, Any]]
"""Id of the item, what the draft means for it, and all that is told of it."""
LEASE = timedelta(minutes=3)
"""Longer than the answer to one question may take."""
SMALL = 20
"""A rehearsal of so many images keeps the identical ones, too."""
MOST_KEPT = 2000
"""Images with differences that one rehearsal keeps; those beyond are counted."""
_AT_ONCE = 4
"""Images between two looks at whether somebody wants it to end."""
_LAG = timedelta(seconds=5)
"""Age of the youngest images that a shadow looks at: the scripts have met them by then, in most cases."""
_MOST_BEHIND = 20
"""Images that a shadow tries of those that came since its last look; the others are passed over."""
_MOST_ELEMENTS = 300
_MOST_FINDINGS = 30
"""Of one output's lint, those that the image was received with left out."""
_MOST_LINES = 50
"""Of what print() wrote, kept for each image."""
_NOTHING: Collection = {"entries": [], "libraries": {}}


class Ended(Exception):
    """The rehearsal is no longer this worker's."""


class Rehearser:
    """``step`` tries a few images of one rehearsal; what it has tried is recorded, or tried again."""

    def __init__(self, owner: str, spool: Spool, ask: Ask) -> None:
        self._owner, self._spool, self._ask = owner, spool, ask
        self._collections: dict[int, Collection] = {}
        self._last = 0

    def step(self) -> bool:
        """Whether something was tried."""
        rehearsal = self._claim()
        if rehearsal is None:
            return False
        try:
            if rehearsal.kind == Rehearsal.Kind.SHADOW:
                return self._shadow(rehearsal)
            self._past(rehearsal)
        except Ended:
            pass
        finally:
            Rehearsal.objects.filter(pk=rehearsal.pk, owner=self._owner).update(owner="", until=None)
        return True

    @transaction.atomic
    def _claim(self) -> Rehearsal | None:
        """One that is open and in nobody's hands: they take turns, so that none waits for the others' end."""
        now = timezone.now()
        free = Q(owner="") | Q(until__lt=now)
        unfinished = Rehearsal.objects.filter(free, state__in=Rehearsal.OPEN)
        found = unfinished.filter(pk__gt=self._last).order_by("pk").first() or unfinished.order_by("pk").first()
        if found is None:
            return None
        taken = unfinished.filter(pk=found.pk).update(
            owner=self._owner, until=now + LEASE, state=Rehearsal.State.RUNNING
        )
        self._last = found.pk
        return found if taken else None

    def _past(self, rehearsal: Rehearsal) -> None:
        ids = rehearsal.items[rehearsal.position : rehearsal.position + _AT_ONCE]
        position = rehearsal.position + len(ids)
        self._record(rehearsal, self._try_all(rehearsal, ids), position, ended=position >= len(rehearsal.items))

    def _shadow(self, rehearsal: Rehearsal) -> bool:
        """
        The newest of what has come in since the last look; those it has no time for are counted.

        An image that still waits for its scripts is passed over as well.
        """
        if self._is_active(rehearsal):
            self._record(rehearsal, [], rehearsal.position, ended=True)
            return True
        newest = first_at(timezone.now() - _LAG)
        fresh = QueueItem.objects.filter(pk__gt=rehearsal.position, pk__lt=newest).filter(met_scripts())
        ids = list(fresh.order_by("-pk").values_list("pk", flat=True)[:_MOST_BEHIND])[::-1]
        if not ids:
            return False
        came = QueueItem.objects.filter(pk__gt=rehearsal.position, pk__lte=ids[-1]).filter(met_scripts()).count()
        tried = self._try_all(rehearsal, ids)
        self._record(rehearsal, tried, ids[-1], ended=False, passed_over=came - len(ids))
        return True

    def _is_active(self, rehearsal: Rehearsal) -> bool:
        """Whether what the shadow tries has been activated since; then it has nothing more to tell."""
        made = Activation.objects.filter(at__gt=rehearsal.created_at).first()
        return made is not None and fingerprint(_plain(made.content)) == fingerprint(_plain(rehearsal.content))

    def _try_all(self, rehearsal: Rehearsal, ids: Sequence[int]) -> list[Tried]:
        """Each image meets the scripts that ran, the draft, and the scripts that ran once more."""
        tried: dict[int, Tried] = {}
        # Entries of then are for the nodes that they were for, whatever those are called now.
        titles = outside.called_titles()
        contents: list[Collection] = [addressed(rehearsal.content, titles)]
        trials: list[dict[str, Any]] = []
        ready: list[tuple[QueueItem, dict[str, Any]]] = []
        found = QueueItem.objects.in_bulk(ids)
        for item_id in ids:
            item = found.get(item_id)
            file = self._spool.path(item.received_id) if item else None
            if item is None or file is None:
                tried[item_id] = item_id, Effect.UNTRIED, {"why": "the item is no longer there"}
            elif item.purged_at is not None or not file.is_file():
                tried[item_id] = item_id, Effect.UNTRIED, {"why": "the received file is no longer kept"}
            else:
                then = what_happened(item)
                ready.append((item, then))
                contents.append(addressed(self._collection_of(then["version"]), titles))
                image = {"file": str(file), "source": item.source_ae_title, "destination": item.called_ae_title}
                ran = len(contents) - 1
                trials += [{**image, "content": content} for content in (ran, 0, ran)]
        answers = answers_to(self._ask, contents, trials, lambda: self._go_on(rehearsal)) if trials else []
        for at, (item, then) in enumerate(ready):
            tried[item.pk] = self._told(rehearsal, item, then, answers[3 * at : 3 * at + 3])
        return [tried[item_id] for item_id in ids]

    def _told(
        self, rehearsal: Rehearsal, item: QueueItem, then: dict[str, Any], answers: Sequence[dict[str, Any]]
    ) -> Tried:
        why = next((answer["refused"] for answer in answers if "refused" in answer), None)
        if why is not None:
            return item.pk, Effect.UNTRIED, {"why": why}
        before, after, again = (answer["result"] for answer in answers)
        comparison = compared(before, after, again)
        note_study(rehearsal.studies, item.study_instance_uid, after)
        told = {"then": then, "before": _short(before), "after": _short(after, comparison.gained)}
        return item.pk, comparison.effect, {**told, **_differences(comparison)}

    def _go_on(self, rehearsal: Rehearsal) -> None:
        """Keep it in hand; Ended when somebody has ended it, or another worker has taken it over."""
        mine = Rehearsal.objects.filter(pk=rehearsal.pk, owner=self._owner, state__in=Rehearsal.OPEN)
        if not mine.update(until=timezone.now() + LEASE):
            raise Ended

    def _collection_of(self, version: int | None) -> Collection:
        if version is None:
            return _NOTHING
        if version not in self._collections:
            stored = ScriptVersion.objects.filter(pk=version).first()
            self._collections[version] = collection_of(from_version(stored)) if stored else _NOTHING
        return self._collections[version]

    @transaction.atomic
    def _record(
        self,
        rehearsal: Rehearsal,
        tried: Sequence[Tried],
        position: int,
        *,
        ended: bool,
        passed_over: int = 0,
    ) -> None:
        """Nothing is kept once somebody has ended it, or another worker has taken it over."""
        row = Rehearsal.objects.select_for_update().filter(pk=rehearsal.pk, owner=self._owner).first()
        if row is None or not row.open:
            return
        small = len(row.items) <= SMALL and row.kind == Rehearsal.Kind.PAST
        kept = row.images.count()
        there = set(QueueItem.objects.filter(pk__in=[each[0] for each in tried]).values_list("pk", flat=True))
        rows: list[dict[str, Any]] = []
        for item_id, effect, told in tried:
            row.counts[effect] = row.counts.get(effect, 0) + 1
            if item_id in there and kept < MOST_KEPT and (small or effect is not Effect.IDENTICAL):
                kept += 1
                rows.append(
                    {"rehearsal_id": row.pk, "item_id": item_id, "at": timezone.now(), "effect": effect, "told": told}
                )
        insert(RehearsedImage, rows)
        row.position, row.passed_over, row.studies = position, row.passed_over + passed_over, rehearsal.studies
        if ended:
            row.state, row.ended_at = Rehearsal.State.DONE, timezone.now()
        row.save(update_fields=["counts", "position", "passed_over", "studies", "state", "ended_at"])


def _plain(content: Collection) -> Collection:
    """Without the keys of entries, which an activation gives to new ones."""
    return {**content, "entries": [{**entry, "key": ""} for entry in content["entries"]]}


def met_scripts() -> Q:
    """Received images and replays, copies left out, that the scripts are done with."""
    own = Q(received_id=F("pk")) | Q(replay_of__isnull=False)
    return own & ~Q(state=QueueState.NEW)


def what_happened(item: QueueItem) -> dict[str, Any]:
    """What the scripts made of an item when they met it last, as JSON values."""
    report = PrepareReport.objects.filter(item=item).last()
    if report is not None:
        return {
            "result": report.verdict,
            "message": report.message,
            "version": report.script_version_id,
            "at": report.at.isoformat(),
            "destinations": [
                {"destination": output["destination"], "original": output["original"]} for output in report.outputs
            ],
            "errors": [entry for entry in report.entries if entry["status"] == "error"],
        }
    came_through = item.prepared_at is not None
    destinations = [{"destination": item.destination_ae_title, "original": True}] if came_through else []
    return {
        "result": "prepared" if came_through else "failed",
        "message": "" if came_through else item.last_error,
        "version": item.script_version_id,
        "at": (item.prepared_at or item.updated_at).isoformat(),
        "destinations": destinations,
        "errors": [],
    }


def _short(result: dict[str, Any], gained: Sequence[str] = ()) -> dict[str, Any]:
    """A dry run without what the differences tell already, and without long logs; ``gained``: new destinations."""
    outputs = [
        {
            "destination": output["destination"],
            "original": output["original"],
            "changed": len(output["changes"]),
            "changes": output["changes"][:_MOST_ELEMENTS] if name_of(output) in gained else [],
            "lint": [found for found in output.get("lint", ()) if not found["received"]][:_MOST_FINDINGS],
        }
        for output in result["outputs"]
    ]
    return {
        "result": result["result"],
        "message": result["message"],
        "entries": result["entries"],
        "outputs": outputs,
        "item_log": result["item_log"][:_MOST_LINES],
    }


def _differences(comparison: Comparison) -> dict[str, Any]:
    return {
        "gained": comparison.gained,
        "lost": comparison.lost,
        "elements": [asdict(found) for found in comparison.elements[:_MOST_ELEMENTS]],
        "more_elements": max(0, len(comparison.elements) - _MOST_ELEMENTS),
        "states": [asdict(found) for found in comparison.states[:_MOST_ELEMENTS]],
        "more_states": max(0, len(comparison.states) - _MOST_ELEMENTS),
    }

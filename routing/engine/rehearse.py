"""Run a draft over images that the scripts have met, and tell how it would have been: nothing of it counts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from routing.application_log import place_of
from routing.core.identifiers import first_at
from routing.core.states import QueueState
from routing.core.study_splits import note as note_study
from routing.models import PrepareReport, QueueItem, Rehearsal, RehearsedImage
from routing.rows import insert
from routing.spool import Spool
from scripts_app.core.collection import Collection, collection_of
from scripts_app.core.comparison import Comparison, Effect, compared, name_of
from scripts_app.core.script_content import fingerprint
from scripts_app.dry_run_process import Unanswered
from scripts_app.loader import from_version
from scripts_app.models import Activation, ScriptVersion

log = logging.getLogger("capacitor.rehearse")

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Answers a question of the command dry_run_service; Unanswered."""
LEASE = timedelta(minutes=3)
"""Longer than any few trials may take."""
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
            return self._past(rehearsal)
        finally:
            Rehearsal.objects.filter(pk=rehearsal.pk, owner=self._owner).update(owner="", until=None)

    @transaction.atomic
    def _claim(self) -> Rehearsal | None:
        """One that is open and in nobody's hands: they take turns, so that none waits for the others' end."""
        now = timezone.now()
        free = Q(owner="") | Q(until__lt=now)
        unfinished = Rehearsal.objects.filter(free, state__in=(Rehearsal.State.WAITING, Rehearsal.State.RUNNING))
        found = unfinished.filter(pk__gt=self._last).order_by("pk").first() or unfinished.order_by("pk").first()
        if found is None:
            return None
        taken = unfinished.filter(pk=found.pk).update(
            owner=self._owner, until=now + LEASE, state=Rehearsal.State.RUNNING
        )
        self._last = found.pk
        return found if taken else None

    def _past(self, rehearsal: Rehearsal) -> bool:
        ids = rehearsal.items[rehearsal.position : rehearsal.position + _AT_ONCE]
        tried = [self._try(rehearsal, item_id) for item_id in ids]
        position = rehearsal.position + len(ids)
        self._record(rehearsal, tried, position, ended=position >= len(rehearsal.items))
        return True

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
        tried = [self._try(rehearsal, item_id) for item_id in ids]
        self._record(rehearsal, tried, ids[-1], ended=False, passed_over=came - len(ids))
        return True

    def _is_active(self, rehearsal: Rehearsal) -> bool:
        """Whether what the shadow tries has been activated since; then it has nothing more to tell."""
        made = Activation.objects.filter(at__gt=rehearsal.created_at).first()
        return made is not None and fingerprint(_plain(made.content)) == fingerprint(_plain(rehearsal.content))

    def _try(self, rehearsal: Rehearsal, item_id: int) -> tuple[int, Effect, dict[str, Any]]:
        item = QueueItem.objects.filter(pk=item_id).first()
        if item is None:
            return item_id, Effect.UNTRIED, {"why": "the item is no longer there"}
        try:
            then = what_happened(item)
            comparison, told = self._compare(rehearsal, item, then)
        except (Unanswered, Untriable) as error:
            return item_id, Effect.UNTRIED, {"why": str(error)}
        except Exception as error:
            # One odd image must not end the rehearsal, nor be tried for ever.
            log.error("item %d could not be rehearsed: %s", item_id, place_of(error))
            return item_id, Effect.UNTRIED, {"why": f"{type(error).__name__} in the router itself"}
        return item_id, comparison.effect, {"then": then, **told, **_differences(comparison)}

    def _compare(
        self, rehearsal: Rehearsal, item: QueueItem, then: dict[str, Any]
    ) -> tuple[Comparison, dict[str, Any]]:
        file = self._spool.path(item.received_id)
        if item.purged_at is not None or not file.is_file():
            raise Untriable("the received file is no longer kept")

        def run(content: Collection) -> dict[str, Any]:
            destination = item.called_ae_title
            question = {"content": content, "source": item.source_ae_title, "destination": destination}
            answer = self._ask({**question, "with_queue": True, "file": str(file)})
            if "refused" in answer:
                raise Untriable(answer["refused"])
            result: dict[str, Any] = answer["result"]
            return result

        scripts = self._collection_of(then["version"])
        before, after = run(scripts), run(rehearsal.content)
        comparison = compared(before, after)
        if comparison.elements:
            comparison = compared(before, after, run(scripts))
        note_study(rehearsal.studies, item.study_instance_uid, after)
        return comparison, {"before": _short(before), "after": _short(after, comparison.gained)}

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
        tried: Sequence[tuple[int, Effect, dict[str, Any]]],
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


class Untriable(Exception):
    """There is nothing to compare; the text says why."""


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
    }

"""Answers for Lua in a dry run: those of the database, or of nobody, or what a person has set for the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from routing.core.ae_title import TitleBook
from routing.core.destination import storage_node
from routing.core.given import NOTHING_GIVEN, Given
from scripts_app.core.ports import QueueItemFacts

if TYPE_CHECKING:
    from routing.engine.preparing.facts import QueueDatabaseFacts

_NO_DELIVERIES = {
    **dict.fromkeys(("success", "failed", "timedOut", "recentSuccess", "recentFailed", "recentTimedOut"), 0),
    "recentWindowMinutes": 60,
    "avgTransferMs": 0,
}


class TrialFacts:
    """
    Facts for a dry run (protocol ``scripts_app.core.ports.Facts``): the image in hand counts as New, as in the queue.

    No node is asked anything: ``node_echo`` tells the last answer that is known.
    """

    def __init__(
        self, titles: TitleBook, item: QueueItemFacts, queue: QueueDatabaseFacts | None, given: Given = NOTHING_GIVEN
    ) -> None:
        """``queue``: what the database says, where ``given`` says nothing else; None: an empty queue and no state."""
        self._titles, self._given = titles, given
        self._database = queue
        self._queue = queue if given.items is None else None
        self._items = (*given.items_like(item), item)

    def resolve(self, ae_title: str) -> str:
        return storage_node(self._titles, ae_title)

    def total(self) -> int:
        return self.count()

    def count(self, *, state: str | None = None, study: str | None = None, destination: str | None = None) -> int:
        others = self._queue.count(state=state, study=study, destination=destination) if self._queue else 0
        return others + len(self._own(state, study, destination))

    def find(
        self, *, state: str | None = None, study: str | None = None, destination: str | None = None
    ) -> Sequence[QueueItemFacts]:
        own = self._own(state, study, destination)
        if self._queue is None:
            return own
        return self._queue.find(state=state, study=study, destination=destination).followed_by(own)

    def study_destinations(self, study: str) -> Sequence[str]:
        others = self._queue.study_destinations(study) if self._queue else ()
        return sorted({*others, *(item.destinationAeTitle for item in self._own(None, study, None))})

    def study_modalities(self, study: str) -> Sequence[str]:
        others = self._queue.study_modalities(study) if self._queue else ()
        return sorted({*others, *(item.modality for item in self._own(None, study, None) if item.modality)})

    def node_stats(self, ae_title: str) -> Mapping[str, Any]:
        title = self.resolve(ae_title)
        known = self._database.node_stats(title) if self._database else _NO_DELIVERIES
        return self._given.stats(title, known)

    def node_echo(self, ae_title: str) -> Mapping[str, Any]:
        known = self.node_stats(ae_title).get("lastEcho")
        message = f"asked at {known['at']}" if known else "never asked, and a dry run asks no node"
        known = known or {"success": False, "latencyMs": 0}
        told = {"success": known["success"], "latencyMs": known["latencyMs"], "message": message}
        return self._given.echo(self.resolve(ae_title), told)

    def state(self, scope: str, uid: str) -> Mapping[str, Any]:
        if scope in self._given.states:
            return self._given.states[scope]
        return self._database.state(scope, uid) if self._database else {}

    def _own(self, state: str | None, study: str | None, destination: str | None) -> list[QueueItemFacts]:
        asked = None if destination is None else self._titles.resolve(destination).ae_title
        return [
            item
            for item in self._items
            if state in (None, item.state)
            and study in (None, item.studyInstanceUID)
            and asked in (None, item.destinationAeTitle)
        ]

"""What the pipeline asks of the outside: entries, facts about queue and nodes, scoped state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scripts_app.core.conditions.condition import Condition


class UnknownDestination(Exception):
    """No enabled Storage node answers to this AE title."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the Lua filter, free of the database."""

    number: int
    """1-based position among all enabled entries."""
    description: str
    script: str
    """Lua source."""
    chunk: str
    """Name that errors carry: ``scripts/route.lua``, or ``entry 3`` for inline scripts."""
    conditions: tuple[Condition, ...] = ()
    ae_titles: tuple[str, ...] = ()
    on_error: str = "skip"
    """skip or fail."""


@dataclass(frozen=True, slots=True)
class ScriptSet:
    """The active entries in order, with every library file by its relative path."""

    entries: tuple[Entry, ...]
    libraries: Mapping[str, str]
    version: int | None = None
    """Row id of the stored version, if there is one."""


@dataclass(frozen=True, slots=True)
class QueueItemFacts:
    """One queue item as Lua sees it (Lua filter page, Iterating Queue Items)."""

    id: int
    state: str
    sourceAeTitle: str
    destinationAeTitle: str
    studyInstanceUID: str
    seriesInstanceUID: str
    sopInstanceUID: str
    sopClassUID: str
    modality: str
    patientID: str
    patientName: str
    accessionNumber: str
    attemptCount: int
    lastError: str
    format: str
    pendingState: str
    createdAt: str
    updatedAt: str


class Facts(Protocol):
    """Answers for Lua's queue, node, study and series; the worker asks the database, a dry run plain objects."""

    def resolve(self, ae_title: str) -> str:
        """AE title of the Storage node that ``ae_title`` means (D1); UnknownDestination with the nearest name."""

    def total(self) -> int: ...

    def count(self, *, state: str | None = None, study: str | None = None, destination: str | None = None) -> int: ...

    def find(
        self, *, state: str | None = None, study: str | None = None, destination: str | None = None
    ) -> Sequence[QueueItemFacts]: ...

    def study_destinations(self, study: str) -> Sequence[str]: ...

    def study_modalities(self, study: str) -> Sequence[str]: ...

    def node_stats(self, ae_title: str) -> Mapping[str, Any]: ...

    def node_echo(self, ae_title: str) -> Mapping[str, Any]: ...

    def state(self, scope: str, uid: str) -> Mapping[str, Any]:
        """The values kept for a study or series; ``scope`` is "study" or "series"."""

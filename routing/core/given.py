"""What a person sets for one dry run in place of what the database would answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts_app.core.ports import QueueItemFacts


@dataclass(frozen=True, slots=True)
class GivenItems:
    """So many items that are alike."""

    count: int
    state: str
    destination_ae_title: str
    of_this_study: bool


@dataclass(frozen=True, slots=True)
class GivenNode:
    """How a node is doing."""

    echo: bool | None
    """Whether it answers; None: as known."""
    failed: int | None
    """Deliveries that failed lately; None: as known."""


@dataclass(frozen=True, slots=True)
class Given:
    """Each part is None, or empty, where the answer is to be the usual one."""

    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``study`` and ``series``, as a JSON column keeps them."""
    items: tuple[GivenItems, ...] | None = None
    """The whole queue beside the image in hand."""
    nodes: Mapping[str, GivenNode] = field(default_factory=dict)
    """By AE title."""

    @classmethod
    def of_json(cls, written: Mapping[str, Any]) -> Given:
        items = written.get("items")
        return cls(
            written.get("states") or {},
            None if items is None else tuple(GivenItems(**each) for each in items),
            {title: GivenNode(**each) for title, each in (written.get("nodes") or {}).items()},
        )

    def echo(self, ae_title: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
        node = self.nodes.get(ae_title)
        if node is None or node.echo is None:
            return known
        return {"success": node.echo, "latencyMs": 1 if node.echo else 0, "message": "as set for this dry run"}

    def stats(self, ae_title: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
        node = self.nodes.get(ae_title)
        if node is None or node.failed is None:
            return known
        return {**known, "failed": node.failed, "recentFailed": node.failed}

    def items_like(self, pattern: QueueItemFacts) -> list[QueueItemFacts]:
        """The items, each like the image in hand but for what is said of it."""
        found: list[QueueItemFacts] = []
        for each in self.items or ():
            for _ in range(each.count):
                found.append(_item(pattern, each, len(found) + 1))
        return found


def _item(pattern: QueueItemFacts, given: GivenItems, number: int) -> QueueItemFacts:
    study = pattern.studyInstanceUID if given.of_this_study else f"2.25.{number}"
    return QueueItemFacts(
        id=number,
        state=given.state,
        sourceAeTitle=pattern.sourceAeTitle,
        destinationAeTitle=given.destination_ae_title,
        studyInstanceUID=study,
        seriesInstanceUID=pattern.seriesInstanceUID if given.of_this_study else f"{study}.1",
        sopInstanceUID=f"2.25.{number}.1.1",
        sopClassUID=pattern.sopClassUID,
        modality=pattern.modality,
        patientID=pattern.patientID if given.of_this_study else "",
        patientName=pattern.patientName if given.of_this_study else "",
        accessionNumber=pattern.accessionNumber if given.of_this_study else "",
        attemptCount=0,
        lastError="as set for this dry run" if given.state in ("Failed", "Rejected") else "",
        format="dcm",
        pendingState="",
        createdAt=pattern.createdAt,
        updatedAt=pattern.updatedAt,
    )


NOTHING_GIVEN = Given()

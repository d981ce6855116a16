"""What couriers tell of the items they were given; every item comes back in exactly one report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from routing.core.instance import SendResult
from routing.dicom.association_failures import FailureKind
from routing.engine.nodes.target import Target
from routing.queue.claims import Deliverable


@dataclass(frozen=True, slots=True)
class Answered:
    """An association carried the item; the result says what came back, if anything."""

    target: Target
    item: Deliverable
    result: SendResult
    transfer_syntax_uid: str
    """In which it was sent."""
    first: bool
    """Nothing had been answered over this association before, and no image of the batch is left to tell more."""
    transcoded_from: str = ""
    """Transfer syntax it had before, when it was transcoded for this attempt."""
    unanswered: SendResult | None = None
    """It went over an association that the node meant to end, got this, and then went at once over another."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There was no association for these items."""

    target: Target
    items: tuple[Deliverable, ...]
    kind: FailureKind
    text: str
    started_at: datetime
    ended_at: datetime
    of_any_caller: bool = True
    """That the node was called with the AE title of their sender has nothing to do with it."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """The node takes the item in no transfer syntax that it can be given."""

    target: Target
    item: Deliverable
    text: str
    started_at: datetime
    ended_at: datetime
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """The item's file is not usable, or our own code failed over it."""

    target: Target
    item: Deliverable
    text: str
    trace: str = ""
    again: bool = False
    """This machine is short of something; the item is not at fault."""


@dataclass(frozen=True, slots=True)
class Returned:
    """Nothing was tried: the items go back as if they had never been taken."""

    target: Target
    items: tuple[Deliverable, ...]


Report = Answered | Unreachable | Unwanted | Faulty | Returned


def as_of(report: Report, current: Target) -> Report:
    """
    What a report still says of the node as it is now: nothing, where it failed as it was before.

    A connection that takes half a minute to fail may have been begun before somebody put its address right.
    """
    if report.target == current:
        return report
    if isinstance(report, Unreachable):
        return Returned(report.target, report.items)
    return replace(report, first=False) if isinstance(report, Answered) else report

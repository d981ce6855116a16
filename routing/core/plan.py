"""What an outcome of the scripts means for the item and its copies: a value, carried out elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from routing.core.states import QueueEvent
from scripts_app.core.outcome import Outcome, Output, Verdict


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of one prepared image."""

    event: QueueEvent
    note: str
    original: Output | None
    """The item's own output; None when it is not sent."""
    copies: tuple[Output, ...]


def plan_for(outcome: Outcome) -> Plan:
    """
    Read an outcome (decision D3).

    An image whose original is dropped is Dropped even when copies of it go out;
    the note then says where they go.
    """
    match outcome.verdict:
        case Verdict.RETRY:
            return Plan(QueueEvent.DEFERRED, outcome.message, None, ())
        case Verdict.FAILED:
            return Plan(QueueEvent.GAVE_UP, outcome.message, None, ())
        case Verdict.DROPPED:
            return Plan(QueueEvent.DROPPED, outcome.message or "route:Drop() and no copy", None, ())
    original = next((output for output in outcome.outputs if output.original), None)
    copies = tuple(output for output in outcome.outputs if not output.original)
    if original is not None:
        return Plan(QueueEvent.PREPARED, _sent_to(copies), original, copies)
    return Plan(QueueEvent.DROPPED, f"the original is not sent; {_sent_to(copies)}", None, copies)


def _sent_to(copies: tuple[Output, ...]) -> str:
    return "copies for " + ", ".join(copy.destination for copy in copies) if copies else ""

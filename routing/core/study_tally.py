"""Did everything of a study arrive?  Counts of its items by destination, and the answer in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from routing.core.counted import counted
from routing.core.states import STUCK_STATES, WAITING_STATES, QueueState


class Progress(StrEnum):
    """How a study stands at one destination, or at all of them; in the order of how much it is worth a look."""

    STUCK = "incomplete"
    """Something waits for a person: failed, rejected or expired."""
    UNDER_WAY = "under way"
    COMPLETE = "complete"
    NOTHING_TO_SEND = "nothing to send"
    """Scripts dropped all of it, or people deleted it."""


DELETED = "deleted"
"""Beside the counts by state: how many of the Dropped items a person deleted; the others a script dropped."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The items for one destination: received = delivered + waiting + dropped + failed + rejected + expired."""

    delivered: int = 0
    waiting: int = 0
    dropped: int = 0
    failed: int = 0
    rejected: int = 0
    expired: int = 0
    deleted: int = 0
    """Of those dropped."""

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Tally:
        """From the number of items by state."""

        def number(*states: QueueState) -> int:
            return sum(counts.get(state, 0) for state in states)

        return cls(
            delivered=number(QueueState.DELIVERED),
            waiting=number(*WAITING_STATES),
            dropped=number(QueueState.DROPPED),
            failed=number(QueueState.FAILED),
            rejected=number(QueueState.REJECTED),
            expired=number(QueueState.EXPIRED),
            deleted=counts.get(DELETED, 0),
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def received(self) -> int:
        return self.to_send + self.dropped

    @property
    def to_send(self) -> int:
        """All but what was dropped."""
        return self.delivered + self.waiting + self.stuck

    @property
    def stuck(self) -> int:
        return self.failed + self.rejected + self.expired

    @property
    def states(self) -> dict[QueueState, int]:
        """Counts by state, as far as they are told apart here: what waits may be New or Prepared."""
        waiting = dict.fromkeys(WAITING_STATES, self.waiting)
        stuck = dict(zip(STUCK_STATES, (self.failed, self.rejected, self.expired), strict=True))
        return {**waiting, **stuck, QueueState.DELIVERED: self.delivered, QueueState.DROPPED: self.dropped}

    @property
    def progress(self) -> Progress:
        if self.stuck:
            return Progress.STUCK
        if self.waiting:
            return Progress.UNDER_WAY
        return Progress.COMPLETE if self.delivered else Progress.NOTHING_TO_SEND

    def words(self) -> str:
        """As in ``118 of 120 delivered, 2 failed``."""
        told = [f"{self.delivered} of {self.to_send} delivered"] if self.to_send else []
        rest = {
            "waiting": self.waiting,
            "failed": self.failed,
            "rejected": self.rejected,
            "expired": self.expired,
            "dropped by a script": self.dropped - self.deleted,
            "deleted by a person": self.deleted,
        }
        told += [f"{number} {word}" for word, number in rest.items() if number]
        return ", ".join(told) or "nothing received"


def answer(tallies: Mapping[str, Tally]) -> str:
    """
    Whether everything arrived, in one sentence; ``tallies`` by destination.

    Images are told for each destination: one that goes to three is one image there, and no three.
    """
    whole = sum(tallies.values(), Tally())
    waiting = {title: tally for title, tally in tallies.items() if tally.waiting}
    match whole.progress:
        case Progress.COMPLETE:
            arrived = _arrived({title: tally.delivered for title, tally in tallies.items() if tally.delivered})
            return f"Yes: {arrived}{_but_deleted(tallies)}."
        case Progress.UNDER_WAY:
            first, *others = waiting.values()
            begin = f"{first.waiting} of {counted(first.to_send, 'image')} {_are(first.waiting)} on the way"
            on_the_way = [begin, *(f"{tally.waiting} of {tally.to_send}" for tally in others)]
            return f"Not yet: {_each_to(on_the_way, waiting)}."
        case Progress.STUCK:
            stuck = "; ".join(f"{title} lacks {_lacks(tally)}" for title, tally in tallies.items() if tally.stuck)
            if not waiting:
                return f"No: {stuck}."
            number, *further = (tally.waiting for tally in waiting.values())
            more = [f"{number} more {_are(number)} on the way", *map(str, further)]
            return f"No: {stuck}; {_each_to(more, waiting)}."
    if whole.deleted:
        rest = "; scripts dropped the rest" if whole.dropped > whole.deleted else ""
        return f"Nothing was sent: {_deleted(tallies)} by a person{rest}."
    return "There was nothing to send: scripts dropped all of it." if whole.dropped else "Nothing of it is known here."


def _but_deleted(tallies: Mapping[str, Tally]) -> str:
    told = _deleted(tallies)
    return f", but {told} by a person" if told else ""


def _deleted(tallies: Mapping[str, Tally]) -> str:
    """As in ``2 images for AI and 1 for PACS were deleted``."""
    numbers = {title: tally.deleted for title, tally in tallies.items() if tally.deleted}
    if not numbers:
        return ""
    first, *further = numbers.values()
    told = [counted(first, "image"), *map(str, further)]
    each = (f"{number} for {title}" for number, title in zip(told, numbers, strict=True))
    return f"{_listed(each)} {'was' if sum(numbers.values()) == 1 else 'were'} deleted"


def _arrived(delivered: Mapping[str, int]) -> str:
    numbers = set(delivered.values())
    if len(numbers) > 1:
        return f"all images arrived, {_listed(f'{number} at {title}' for title, number in delivered.items())}"
    (number,) = numbers
    return f"{'all ' if number > 1 else ''}{counted(number, 'image')} arrived at {_listed(delivered)}"


def _each_to(numbers: Iterable[str], titles: Iterable[str]) -> str:
    return _listed(f"{number} to {title}" for number, title in zip(numbers, titles, strict=True))


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _lacks(tally: Tally) -> str:
    parts = {"failed": tally.failed, "rejected": tally.rejected, "expired": tally.expired}
    why = ", ".join(f"{number} {word}" for word, number in parts.items() if number)
    return f"{tally.stuck} of {counted(tally.to_send, 'image')} ({why})"


def _listed(titles: Iterable[str]) -> str:
    *others, last = titles
    return f"{', '.join(others)} and {last}" if others else last

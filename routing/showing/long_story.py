"""The beginning and the end of a story of perhaps a hundred thousand steps, as of an image that a script holds back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import models

FIRST, NEWEST = 20, 100
"""Steps that a page tells of a longer story; it is drawn anew whenever one is added."""
Step = TypeVar("Step", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Story(Generic[Step]):
    """Steps in their order; ``left_out`` of them would stand behind the first FIRST."""

    steps: list[Step]
    left_out: int = 0

    @property
    def cut_at(self) -> int | None:
        """The place of the step before which some are left out, counted from 0; None where none are."""
        return FIRST if self.left_out else None


def story_of(steps: models.QuerySet[Step]) -> Story[Step]:
    """All steps, or the first and the newest; their ids are given in the order of time."""
    newest = list(steps.order_by("-id")[: FIRST + NEWEST + 1])[::-1]
    if len(newest) <= FIRST + NEWEST:
        return Story(newest)
    newest = newest[-NEWEST:]
    before = steps.filter(pk__lt=newest[0].pk)
    return Story(list(before.order_by("id")[:FIRST]) + newest, before.count() - FIRST)

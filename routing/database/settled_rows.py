"""Count the rows of a table that only grows: each once, whatever is removed or killed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, Max


class SettledRows(ABC):
    """
    Counts what earlier rounds have seen begin.

    Ids are given out before their transactions end, so the newest rows may
    have gaps that are filled later; a round's length later nobody is writing
    them any more.
    """

    table: ClassVar[type[models.Model]]
    marks: ClassVar[type[models.Model]]
    """Has one row, which says how far the counting has come."""
    position: ClassVar[str]
    """Its column for that: the last id that is counted."""

    def __init__(self) -> None:
        self._settled: int | None = None

    @abstractmethod
    def count(self, after: int, until: int) -> int:
        """Count a chunk of the rows behind ``after`` up to ``until``; answers the last id that is counted now."""

    def step(self) -> bool:
        """Count one chunk; whether there is more that could be counted now."""
        if self._settled is None:
            self.look()
            return False
        with transaction.atomic():
            mark: Any = self.marks._default_manager.select_for_update().get_or_create(pk=1)[0]
            if getattr(mark, self.position) >= self._settled:
                return False
            counted = self.count(getattr(mark, self.position), self._settled)
            setattr(mark, self.position, counted)
            mark.save(update_fields=[self.position])
        return counted < self._settled

    def look(self) -> None:
        """What is there now may be counted by the next round."""
        self._settled = self.table._default_manager.aggregate(newest=Max("id"))["newest"] or 0


def add_to(table: type[models.Model], counted: Mapping[str, int], **key: Any) -> None:
    """Add to the columns of the row that has this key, which is made where there is none."""
    rows = table._default_manager
    row, made = rows.get_or_create(**key, defaults=counted)
    if not made:
        rows.filter(pk=row.pk).update(**{name: F(name) + more for name, more in counted.items()})

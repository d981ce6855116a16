"""The study and series tables of one batch: read once, written with the batch, exact or not at all (D6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from routing.models import ScopedState

IDLE = timedelta(hours=24)
"""A table that nobody used for so long is forgotten (Lua filter page, study and series)."""
_TOUCH = timedelta(minutes=10)
"""How stale ``used_at`` may get before a mere look at a table is written down."""


class StateConflict(Exception):
    """Somebody else has written one of these tables meanwhile; nothing of the batch may stay."""


@dataclass(slots=True)
class _Page:
    values: str
    version: int
    """0: the row does not exist yet."""
    used_at: datetime | None
    dirty: bool = False


class StateBook:
    """Holds what the scripts of a batch have seen and set until the batch is written."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, str], _Page] = {}

    def load(self, scope: str, uid: str) -> Mapping[str, Any]:
        """The values for a study or series; empty when there are none or they are forgotten."""
        page = self._pages.get((scope, uid))
        if page is None:
            page = self._pages[scope, uid] = self._read(scope, uid)
        found: Mapping[str, Any] = json.loads(page.values)
        return found

    def keep(self, scope: str, uid: str, values: Mapping[str, Any]) -> None:
        """Remember what a script has set; written by ``write``."""
        page = self._pages.get((scope, uid)) or self._read(scope, uid)
        page.values, page.dirty = json.dumps(values), True
        self._pages[scope, uid] = page

    def write(self) -> None:
        """Write what changed, inside the batch's transaction; StateConflict must roll it back."""
        now = timezone.now()
        for (scope, uid), page in self._pages.items():
            if page.dirty:
                self._write(scope, uid, page, now)
            elif page.version and page.used_at and now - page.used_at > _TOUCH:
                ScopedState.objects.filter(scope=scope, uid=uid).update(used_at=now)
                page.used_at = now

    def forget(self) -> None:
        """Close the book: the next batch reads anew."""
        self._pages.clear()

    def _read(self, scope: str, uid: str) -> _Page:
        row = ScopedState.objects.filter(scope=scope, uid=uid).first()
        if row is None:
            return _Page("{}", 0, None)
        alive = timezone.now() - row.used_at <= IDLE
        return _Page(json.dumps(row.values) if alive else "{}", row.version, row.used_at)

    def _write(self, scope: str, uid: str, page: _Page, now: datetime) -> None:
        values = json.loads(page.values)
        if page.version == 0:
            try:
                with transaction.atomic():
                    ScopedState.objects.create(scope=scope, uid=uid, values=values, version=1, used_at=now)
            except IntegrityError as error:
                if not ScopedState.objects.filter(scope=scope, uid=uid).exists():
                    # Not a race: the database refuses the values, and would do so for ever.
                    raise
                raise StateConflict(f"the {scope} table of {uid} was made by another worker") from error
        else:
            written = ScopedState.objects.filter(scope=scope, uid=uid, version=page.version).update(
                values=values, version=page.version + 1, used_at=now
            )
            if not written:
                raise StateConflict(f"the {scope} table of {uid} was written by another worker")
        page.version, page.used_at, page.dirty = page.version + 1, now, False

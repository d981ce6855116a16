"""What the running processes found and put right when they started, as one answer for pages and commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from routing.models import ServiceProcess


@dataclass(frozen=True, slots=True)
class StartReport:
    """Rows and files compared at the last start; None: housekeeping has not looked yet."""

    at: datetime | None
    adopted: int | None
    """Files without rows, which have rows now."""
    missing: int | None
    """Items that failed because their file is not in the spool."""
    freed: int
    """Items that dead processes held, given back."""
    recorded: int
    """Items that dead processes had sent without recording it."""
    unreadable: int
    """Files of the spool that no row can be made for, as of now: unreadable, or their number is taken."""
    unreadable_files: tuple[str, ...]
    """The names of the first of them."""
    stopped: bool
    """No process is known: each takes along at its end what it found."""

    @property
    def clean(self) -> bool:
        return not (self.adopted or self.missing or self.freed or self.recorded)

    def as_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat() if self.at else None,
            "adopted": self.adopted,
            "missing": self.missing,
            "given_back": self.freed,
            "recorded": self.recorded,
        }

    def words(self) -> str:
        """One sentence."""
        if self.adopted is None:
            return "not known, for the service is stopped" if self.stopped else "not compared yet"
        if self.clean:
            return "every file had its row, every row its file, and nobody held anything" + self._now()
        parts = (
            (self.adopted, "adopted (a file without a row)"),
            (self.missing, "failed (the file is missing)"),
            (self.freed, "given back (their process had died)"),
            (self.recorded, "recorded as sent by a process that had died"),
        )
        return ", ".join(f"{count} {what}" for count, what in parts if count) + self._now()

    def _now(self) -> str:
        return f"; now {self.unreadable} in no queue (the log says why)" if self.unreadable else ""


def start_report() -> StartReport:
    rows = list(ServiceProcess.objects.order_by("-started_at"))
    keepers = [row for row in rows if row.detail.get("adopted") is not None]
    newest = keepers[0] if keepers else None
    return StartReport(
        newest.started_at if newest else None,
        newest.detail["adopted"] if newest else None,
        newest.detail.get("missing", 0) if newest else None,
        sum(row.detail.get("freed", 0) for row in rows),
        sum(row.detail.get("recorded", 0) for row in rows),
        newest.detail.get("unreadable", 0) if newest else 0,
        tuple(newest.detail.get("unreadable_files", ())) if newest else (),
        not rows,
    )

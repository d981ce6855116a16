"""A problem as the dashboard tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

SEVERITIES = ("critical", "failure", "notice")


@dataclass(frozen=True, slots=True)
class Problem:
    """One sentence: ``subject`` ``words`` (since ``since``): ``cause``; ``effect``."""

    severity: str
    """critical: images are in danger or nothing moves; failure: images are stuck; notice: meant, but worth knowing."""
    subject: str
    words: str
    link: str
    since: datetime | None = None
    cause: str = ""
    effect: str = ""
    parts: Sequence[tuple[str, str]] = ()
    """Words and link for each part of what ``effect`` counts, where no one list shows all of it."""

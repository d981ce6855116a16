"""Rows of the log of an item, which its page shows."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def log_line(
    item_id: int,
    level: str,
    text: str,
    now: datetime,
    source: str = "router",
    entry: int | None = None,
    line: int | None = None,
) -> dict[str, Any]:
    """A row of ItemLogLine."""
    return {
        "item_id": item_id,
        "at": now,
        "level": level,
        "source": source,
        "entry": entry,
        "line": line,
        "text": text,
    }

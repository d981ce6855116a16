"""What a run of the scripts leaves behind to be read: the item's report and log, and the record of the audit log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from routing.queue.item_log import log_line
from scripts_app.core.outcome import Change, EntryReport, LogLine, Outcome, RouteCall, Verdict

_log = logging.getLogger("capacitor.lua")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def report(item_id: int, outcome: Outcome, version: int | None, milliseconds: float, now: datetime) -> dict[str, Any]:
    """A row of PrepareReport."""
    return {
        "item_id": item_id,
        "at": now,
        "script_version_id": version,
        "verdict": outcome.verdict,
        "message": outcome.message,
        "entries": [_entry(entry) for entry in outcome.entries],
        "routes": [_route(call) for call in outcome.routes],
        "outputs": [
            {
                "destination": output.destination,
                "original": output.original,
                "changes": [_change(change) for change in output.changes],
            }
            for output in outcome.outputs
        ],
        "milliseconds": milliseconds,
        # PostgreSQL takes no truth for a number.
        "errors": max(
            sum(entry.status == "error" for entry in outcome.entries), int(outcome.verdict is Verdict.FAILED)
        ),
    }


def log(item_id: int, outcome: Outcome, now: datetime) -> list[dict[str, Any]]:
    """Rows of ItemLogLine: what print() wrote, then the errors of entries."""
    written = printed(item_id, outcome.item_log, now)
    for entry in outcome.entries:
        if entry.status == "error":
            where = f"{entry.file}:{entry.line}: " if entry.line else ""
            text = f"entry {entry.number}: {where}{entry.reason}"
            written.append(log_line(item_id, "warning", text, now, "router", entry.number))
    return written


def printed(item_id: int, lines: Iterable[LogLine], now: datetime) -> list[dict[str, Any]]:
    """Rows of ItemLogLine: what print() wrote."""
    return [log_line(item_id, line.level, line.message, now, "script", line.entry, line.line) for line in lines]


def to_application_log(lines: Iterable[LogLine]) -> None:
    """What log:info() and friends wrote."""
    for line in lines:
        _log.log(_LEVELS[line.level], "[lua] %s", line.message)


def audit(
    item_id: int, outcome: Outcome, version: int | None, routes: list[dict[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    """A row of AuditRecord, with the routes of the report; none where nothing was changed or routed."""
    if outcome.verdict is Verdict.RETRY:
        # All of it is taken back, and done anew at each try: perhaps every five seconds for days.
        return []
    # The image's own edits once, however many outputs carry them, and also when nothing is sent.
    own = [change for output in outcome.outputs for change in output.changes if change.destination]
    changes = [_change(change) for change in (*outcome.changes, *own)]
    if not changes and not routes:
        return []
    return [
        {
            "at": now,
            "actor": f"script version {version}",
            "action": "run scripts",
            "object": f"item {item_id}",
            "detail": {"verdict": outcome.verdict, "changes": changes, "routes": routes},
        }
    ]


def _route(call: RouteCall) -> dict[str, Any]:
    return {"operation": call.operation, "destination": call.destination, "entry": call.entry, "line": call.line}


def _entry(entry: EntryReport) -> dict[str, Any]:
    return {
        "number": entry.number,
        "description": entry.description,
        "status": entry.status,
        "reason": entry.reason,
        "file": entry.file,
        "line": entry.line,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "operation": change.operation,
        "path": change.path,
        "keyword": change.keyword,
        "old": change.old,
        "new": change.new,
        "entry": change.entry,
        "line": change.line,
        "destination": change.destination,
    }

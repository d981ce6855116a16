"""What a dry run tells, as the JSON values that the manual lists, and in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scripts_app.core.outcome import Change, EntryReport, EntryStatus, LogLine, Outcome, Output, Verdict
from scripts_app.core.ports import Entry
from scripts_app.core.reports import cut_short
from scripts_app.core.scoped_state import read_state
from scripts_app.core.script_content import inline_chunk

_CUT = 1024
"""Values of this length may have been shortened for the audit log."""


def result_of(outcome: Outcome, states: Mapping[str, Mapping[str, Any]], files: Mapping[int, str]) -> dict[str, Any]:
    """``states`` as a JSON column keeps them; ``files``: where outputs have been written, by position."""
    return _result(
        outcome.verdict,
        outcome.message,
        outcome.entries,
        outputs=[_output(output, files.get(position)) for position, output in enumerate(outcome.outputs)],
        **_lines(outcome),
        state=states_shown(states),
    )


def states_shown(states: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """``states`` as a JSON column keeps them, for people."""
    return {scope: _table_shown(read_state(values)) for scope, values in states.items()}


def failed_result(
    entries: Sequence[Entry],
    reason: str,
    running: int = 0,
    before: Iterable[EntryReport] = (),
    said: Iterable[tuple[str, LogLine]] = (),
) -> dict[str, Any]:
    """The result of a run that had no end: its process was killed while entry ``running`` ran, 0: outside of any."""
    reports = tuple(before)
    outcome = cut_short(entries, reason, (running, len(reports)), reports, said)
    return _result(outcome.verdict, outcome.message, outcome.entries, **_lines(outcome))


def _result(verdict: Verdict, message: str, entries: Iterable[EntryReport], **more: Any) -> dict[str, Any]:
    return {
        "result": str(verdict),
        "message": message,
        "entries": [_entry(report) for report in entries],
        "outputs": [],
        "item_log": [],
        "log": [],
        "state": {"study": {}, "series": {}},
        **more,
    }


def _entry(report: EntryReport) -> dict[str, Any]:
    elsewhere = report.file and report.file != inline_chunk(report.number)
    return {
        "description": report.description,
        "status": str(report.status),
        "reason": f"{report.file}: {report.reason}" if elsewhere else report.reason,
        "line": report.line,
    }


def _output(output: Output, file: str | None) -> dict[str, Any]:
    told = {
        "destination": output.destination,
        "original": output.original,
        "changes": [
            {"tag": change.path, "keyword": change.keyword, "old": change.old, "new": change.new}
            for change in differences(output.changes)
        ]
        if output.recipe is not None
        else [],
    }
    return told if file is None else {**told, "file": file}


def differences(changes: Iterable[Change]) -> Iterator[Change]:
    """
    What the edits come to: one change for each element, from the received value to the last one.

    Edits inside sequences stand as they were made, for an item's number may
    mean another item after each.
    """
    first: dict[str, Change] = {}
    last: dict[str, Change] = {}
    for count, change in enumerate(changes):
        key = f"{change.path} {count}" if "[" in change.path else change.path
        first.setdefault(key, change)
        last[key] = change
    for key, change in first.items():
        # What is only described, as binary values are, may differ all the same.
        described = (change.old or "").startswith("<") or len(change.old or "") >= _CUT
        if "[" in change.path or change.old != last[key].new or described:
            yield Change(
                change.operation, change.path, change.keyword, change.old, last[key].new, change.entry, change.line
            )


def _lines(outcome: Outcome) -> dict[str, Any]:
    return {
        "item_log": [line.message for line in outcome.item_log],
        "log": [{"level": line.level, "message": line.message} for line in outcome.log],
    }


def shown(value: Any) -> Any:
    """A value of study or series for people: lists as lists, text as text."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if (isinstance(value, float) and value != value) or value in (float("inf"), float("-inf")):
        return str(value)
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value) and sorted(value) == list(range(1, len(value) + 1)):
        return [shown(value[number]) for number in range(1, len(value) + 1)]
    return _table_shown(value)


def _table_shown(table: Mapping[Any, Any]) -> dict[str, Any]:
    return {key.decode(errors="replace") if isinstance(key, bytes) else str(key): shown(table[key]) for key in table}


def reports_to(reports: Iterable[EntryReport]) -> list[dict[str, Any]]:
    return [asdict(report) for report in reports]


def reports_from(written: Iterable[Mapping[str, Any]]) -> list[EntryReport]:
    return [EntryReport(**{**each, "status": EntryStatus(each["status"])}) for each in written]


def in_words(result: Mapping[str, Any]) -> str:
    """The result for people: entries, then each output with what differs, then the logs."""
    lines = [f"{result['result']}{': ' + result['message'] if result['message'] else ''}", ""]
    for number, entry in enumerate(result["entries"], start=1):
        place = "" if entry["line"] is None else f" (line {entry['line']})"
        reason = f": {entry['reason']}" if entry["reason"] else ""
        lines.append(f"  entry {number} {entry['status']:<8}{entry['description']}{place}{reason}")
    for output in result["outputs"]:
        kind = "original" if output["original"] else "copy"
        file = f" -> {output['file']}" if "file" in output else ""
        lines += ["", f"{kind} for {output['destination']}{file}"]
        lines += _table(output["changes"]) if output["changes"] else ["  as received"]
        lines += [_finding(found) for found in output.get("lint", ()) if not found["received"]]
    for heading, written in (
        ("item log", result["item_log"]),
        ("application log", [f"{line['level']}: {line['message']}" for line in result["log"]]),
        ("study", [f"{key} = {value!r}" for key, value in result["state"]["study"].items()]),
        ("series", [f"{key} = {value!r}" for key, value in result["state"]["series"].items()]),
    ):
        if written:
            lines += ["", heading, *(f"  {line}" for line in written)]
    return "\n".join(lines)


def _table(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [(change["tag"], change["keyword"], _cell(change["old"]), "->", _cell(change["new"])) for change in changes]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows]


def _finding(found: Mapping[str, Any]) -> str:
    detail = f": {found['detail']}" if found["detail"] else ""
    place = " ".join(filter(None, (found["tag"], found["keyword"])))
    return f"  {found['severity']}: {place} {found['message']}{detail}"


def _cell(value: str | None) -> str:
    if value is None:
        return "(absent)"
    return value if len(value) <= 60 else f"{value[:57]}..."

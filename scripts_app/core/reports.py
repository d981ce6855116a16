"""What is told of each entry: why it was skipped, how it failed, and how a run that had no end stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scripts_app.core.lua.errors import ScriptError, ScriptFailed
from scripts_app.core.lua.log import by_kind
from scripts_app.core.outcome import EntryReport, EntryStatus, LogLine, Outcome, Verdict
from scripts_app.core.ports import Entry


def reports_without_image(entries: Sequence[Entry], destination_ae_title: str) -> tuple[EntryReport, ...] | None:
    """
    The reports of entries none of which concerns this destination (Lua filter page, AeTitles); None when one does.

    The image leaves as it came and need not even be one that scripts could read.
    """
    reports = []
    for entry in entries:
        reason = wrong_destination(entry, destination_ae_title)
        if reason is None:
            return None
        reports.append(skipped(entry, reason))
    return tuple(reports)


def cut_short(
    entries: Sequence[Entry],
    reason: str,
    place: tuple[int, int],
    before: Iterable[EntryReport] = (),
    said: Iterable[tuple[str, LogLine]] = (),
) -> Outcome:
    """
    The outcome of a run that had no end, for its process was killed or died.

    ``place``: number of the entry, 0 outside of any, and how many had their
    report by then; ``before``: these reports, as far as they are known;
    ``said``: the lines it had written, each after its kind.
    """
    running, reported = place
    reports = {report.number: report for report in before}
    message, missed = reason, "not reached"
    if running:
        missed += f": entry {running} stopped the pipeline"
    for position, entry in enumerate(entries):
        if entry.number == running:
            error = ScriptFailed(reason)
            reports[running], message = error_report(entry, reason, error), named(entry, error)
        elif position >= reported:
            reports[entry.number] = skipped(entry, missed)
    lines = by_kind(said)
    return Outcome(
        Verdict.FAILED,
        message,
        tuple(reports[number] for number in sorted(reports)),
        (),
        item_log=lines["item"],
        log=lines["application"],
        cut_short=True,
    )


def wrong_destination(entry: Entry, destination_ae_title: str) -> str | None:
    """Why an entry is not for this destination (AeTitles); None when it is."""
    titles, destination = [title.strip() for title in entry.ae_titles], destination_ae_title.strip()
    if titles and destination not in titles:
        return f"destination is '{destination}', wanted {' or '.join(titles)}"
    return None


def skipped(entry: Entry, reason: str) -> EntryReport:
    """The report of one that did not run."""
    return EntryReport(entry.number, entry.description, EntryStatus.SKIPPED, reason)


def error_report(entry: Entry, reason: str, error: ScriptError) -> EntryReport:
    """The report of one that failed, with the place that the error names."""
    return EntryReport(
        entry.number, entry.description, EntryStatus.ERROR, reason, error.file or entry.chunk, error.line
    )


def named(entry: Entry, error: ScriptError) -> str:
    """One line for the item: which entry, where, and what."""
    description = f" ({entry.description})" if entry.description else ""
    name = f"entry {entry.number}"
    file = error.file or entry.chunk
    place = "" if error.line is None else f", line {error.line}" if file == name else f", {file} line {error.line}"
    return f"{name}{description}{place}: {error.message}"

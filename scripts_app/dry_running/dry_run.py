"""Run the scripts over one file as a worker would, in a process of its own, and tell all without doing any of it."""

from __future__ import annotations

import math
import os
import re
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.opening import OPENING, Opened, opened
from scripts_app.core.lua.limits import Limits
from scripts_app.core.lua.log import line_of, told_line
from scripts_app.core.outcome import EntryReport, Identity, LogLine, Outcome, Output, Verdict
from scripts_app.core.pipeline import run_entries
from scripts_app.core.ports import Entry, Facts, ScriptSet
from scripts_app.core.workspace import Image
from scripts_app.dry_running.details import Meter, details_of
from scripts_app.dry_running.fence import Ended, Tell, fenced
from scripts_app.dry_running.lint import lint_of
from scripts_app.dry_running.result import failed_result, reports_from, reports_to, result_of, states_shown

_GRACE = 0.5
"""Seconds that the scripts' own limit has to end them politely, as in the worker."""
_ROOM = 512 << 20
"""Bytes for what is no script: the program itself, the files it maps."""


class UnusableFile(Exception):
    """The file, or the folder for the outputs, cannot be used; the text names it and says why."""


class Stopped(Exception):
    """Nobody waits for the result any more."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried."""

    path: Path
    source_ae_title: str
    destination_ae_title: str
    """AE title of the node; the router's own when ``unaddressed``."""
    unaddressed: bool
    scripts: ScriptSet
    facts: Callable[[Identity], Facts]
    """Called in the child process, which must not use what this process has open."""
    limits: Limits
    output: Path | None = None
    """Folder for the resulting files; None: none are written."""
    detailed: bool = False
    """Whether ``details`` are wanted, too: what a page shows besides."""
    read: tuple[tuple[str, str], ...] = ()
    """Paths whose values in each output belong to the details, each with a pattern to match, or an empty text."""
    deidentified: frozenset[str] = frozenset()
    """AE titles of the nodes that take de-identified images only."""


def dry_run(trial: Trial, stop_when_readable: int | None = None) -> dict[str, Any]:
    """
    The result as JSON values (manual, Dry run); UnusableFile when the trial cannot begin.

    Stopped as soon as the file descriptor ``stop_when_readable`` has something to read.

    A script that has to be killed is a result, too: failed, with the limit's
    message and the reports of the entries before it.
    """
    check(trial)
    trial = replace(trial, limits=replace(trial.limits, restricted=True))
    with tempfile.TemporaryDirectory(prefix="dry-run-") as drafts:
        ended = fenced(
            lambda tell: carry_out(trial, Path(drafts), tell),
            seconds=OPENING,
            memory_bytes=memory_for(trial),
            stop_when_readable=stop_when_readable,
        )
    if ended.reason == "stopped":
        raise Stopped
    return judged(trial, ended)


def memory_for(trial: Trial) -> int:
    """Bytes that the process of a trial may use beyond its parent's."""
    return 2 * trial.limits.memory_bytes + 8 * trial.path.stat().st_size + _ROOM


def check(trial: Trial) -> None:
    """UnusableFile when it cannot even begin."""
    try:
        mode = trial.path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            # A pipe would be waited for.
            raise UnusableFile(f"{trial.path}: not a file")
        with trial.path.open("rb") as file:
            if not file.read(1):
                raise UnusableFile(f"{trial.path}: the file is empty")
        if trial.output is not None:
            trial.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableFile(f"{error.filename or trial.path}: {error.strerror}") from None


def judged(trial: Trial, ended: Ended) -> dict[str, Any]:
    """What a trial came to, by how its process ended; UnusableFile when it did not come to the scripts."""
    last = ended.messages[-1] if ended.messages else {}
    if "result" in last:
        result: dict[str, Any] = last["result"]
        return result
    if "unusable" in last:
        raise UnusableFile(last["unusable"])
    begun = next((message for message in reversed(ended.messages) if "running" in message), None)
    # A result that is too large is the scripts' doing; whatever else goes wrong behind them is not.
    if begun is None or (not last.keys() & {"running", "said"} and ended.reason != "output"):
        why = {"time": f"more than {OPENING:g} s", "memory": "more memory than a dry run has"}.get(ended.reason)
        raise UnusableFile(f"{trial.path}: {f'needs {why}' if why else ended.reason or 'cannot be opened'}")
    reason = {
        "time": trial.limits.time_message,
        "memory": trial.limits.memory_message,
        "output": "the result is larger than a dry run may tell",
    }.get(ended.reason, f"the script {ended.reason or 'ended'} the process that ran it")
    said = [line_of(message["said"]) for message in ended.messages if "said" in message]
    return failed_result(trial.scripts.entries, reason, begun["running"], reports_from(begun["reports"]), said)


def carry_out(trial: Trial, drafts: Path, tell: Tell, patience: float = math.inf) -> None:
    """Run in the child, and tell where it is, then its result; ``patience``: seconds until something else is told."""
    try:
        with opened(trial.path, lambda: _draft(drafts)) as received:
            tell({"result": _run(trial, received, drafts, tell)}, patience)
    except DatasetError as error:
        tell({"unusable": f"{trial.path}: {error}"}, patience)
    except OSError as error:
        tell({"unusable": f"{error.filename or trial.path}: {error.strerror or error}"}, patience)
    except MemoryError:
        raise
    except Exception as error:
        # A fault of this program fails the item when it happens in a worker, and here.
        reason = f"{type(error).__name__}: {error}"
        tell({"result": failed_result(trial.scripts.entries, reason)}, patience)


@contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    path = folder / "normalised.dcm"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _run(trial: Trial, received: Opened, drafts: Path, tell: Tell) -> dict[str, Any]:
    identity = received.document.identity()
    meter = Meter()
    facts = trial.facts(identity)
    # As in the worker, the limit is for all entries together, their conditions included.
    until = time.monotonic() + trial.limits.seconds + _GRACE

    def running(number: int, reports: Sequence[EntryReport]) -> None:
        tell({"running": number, "reports": reports_to(reports)}, until - time.monotonic())

    def on_entry(entry: Entry | None, reports: Sequence[EntryReport]) -> None:
        running(entry.number if entry else 0, reports)

    def on_line(kind: str, line: LogLine) -> None:
        tell({"said": told_line(kind, line)}, until - time.monotonic())

    running(0, ())
    image = Image(received.document, trial.source_ae_title, trial.destination_ae_title, trial.unaddressed)
    outcome = run_entries(trial.scripts, image, facts, trial.limits, on_entry=on_entry, on_line=on_line)
    used = meter.read()
    # A pattern of what is read may never come to an end.
    tell({}, OPENING if trial.read else math.inf)
    files = _write(trial, received, outcome.outputs) if trial.output is not None else {}
    result = result_of(outcome, _states(outcome, identity, facts), files)
    for told, findings in zip(result["outputs"], lint_of(outcome, received.document, trial.deidentified), strict=True):
        told["lint"] = findings
    for told, output in zip(result["outputs"], outcome.outputs, strict=True):
        if any("[" in change["tag"] for change in told["changes"]):
            # Edits inside sequences do not tell what they came to.
            told["sum"] = received.document.sum(output.recipe)
    if not trial.detailed:
        return result
    before = {scope: facts.state(scope, uid) if uid else {} for scope, uid in _uids(identity).items()}
    return {
        **result,
        "details": {**details_of(outcome, received, drafts, trial.read), **used, "state_before": states_shown(before)},
    }


def _uids(identity: Identity) -> dict[str, str]:
    return {"study": identity.study_instance_uid, "series": identity.series_instance_uid}


def _states(outcome: Outcome, identity: Identity, facts: Facts) -> dict[str, Mapping[str, Any]]:
    """Both tables as they would be kept: what an image leaves that is to be prepared again, nobody keeps."""
    kept = outcome.verdict in (Verdict.PREPARED, Verdict.DROPPED)
    return {
        scope: outcome.state[scope] if kept and scope in outcome.state else facts.state(scope, uid) if uid else {}
        for scope, uid in _uids(identity).items()
    }


def _write(trial: Trial, received: Opened, outputs: Sequence[Output]) -> dict[int, str]:
    """The files of the outputs by their position."""
    folder = trial.output or Path()
    syntax = received.transfer_syntax_uid()
    files = {}
    for position, output in enumerate(outputs):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", output.destination)
        target = folder / f"{position + 1}-{name}.dcm"
        if target.exists() and os.path.samefile(target, trial.path):
            raise DatasetError(f"{target} would overwrite it")
        received.write(output.recipe, output.identity, syntax, target)
        files[position] = str(target)
    return files

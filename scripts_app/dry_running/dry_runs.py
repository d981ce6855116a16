"""Many dry runs, one after another in one process: to make a process for each costs more than most scripts do."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts_app.core.dataset.opening import OPENING
from scripts_app.dry_running.dry_run import Trial, UnusableFile, carry_out, check, judged, memory_for
from scripts_app.dry_running.fence import Tell, fenced


def dry_runs(trials: Sequence[Trial], seconds: float) -> list[dict[str, Any] | UnusableFile]:
    """
    What dry_run() would tell of each, in order: of as many as a process comes to within ``seconds``, one at least.

    A trial that ends the process is judged only where it was the first: it may
    have suffered from those before it.
    """
    ready: list[Trial] = []
    for trial in trials:
        try:
            check(trial)
        except UnusableFile as error:
            if not ready:
                return [error]
            break
        ready.append(replace(trial, limits=replace(trial.limits, restricted=True)))
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="dry-run-") as drafts:
        ended = fenced(
            lambda tell: _carry_out_all(ready, Path(drafts), tell, until),
            seconds=OPENING,
            memory_bytes=max(map(memory_for, ready)),
        )
    told: list[dict[str, Any] | UnusableFile] = []
    for message in ended.messages:
        if "result" in message:
            told.append(message["result"])
        elif "unusable" in message:
            told.append(UnusableFile(message["unusable"]))
    if told:
        return told
    try:
        return [judged(ready[0], ended)]
    except UnusableFile as error:
        return [error]


def _carry_out_all(trials: Sequence[Trial], drafts: Path, tell: Tell, until: float) -> None:
    for trial in trials:
        carry_out(trial, drafts, tell, OPENING)
        if time.monotonic() > until:
            return

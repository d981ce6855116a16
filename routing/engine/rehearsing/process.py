"""The rehearsing process: drafts over images, behind everything else that this machine has to do."""

from __future__ import annotations

import contextlib
import os
import time

from routing.engine.process import EngineProcess
from routing.engine.rehearsing.rehearse import Rehearser
from routing.engine.watching.watch import Casualty, Watch
from routing.folders import run_folder
from routing.processes.wakeup import Wakeup
from routing.queue.spool import open_spool
from scripts_app.dry_running.process import ask, end_idle

_IDLE = 2.0
"""Seconds between two looks for a rehearsal."""
_NICE = 19
"""The images that count have every processor before this one gets any."""


def run(watch: Watch, casualty: Casualty | None) -> None:
    """Rehearse until told to stop.  The trials have processes of their own, which inherit its rank."""
    os.nice(_NICE)
    with EngineProcess("rehearse") as process, contextlib.closing(Wakeup(run_folder(), "rehearse")) as wakeup:
        rehearser = Rehearser(process.owner, open_spool(), ask)

        def turn() -> bool:
            begun = time.monotonic()
            if not rehearser.step():
                return False
            # Disk and database are shared, whatever the rank.
            process.stopping.wait((time.monotonic() - begun) / 4)
            return True

        def wait() -> None:
            end_idle()
            wakeup.wait(_IDLE, process.stopping)

        process.work(turn, wait, wakeup=wakeup)

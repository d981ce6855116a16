"""The preparing process: step after step, sleeping while nothing is due."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import close_old_connections

from routing.application_log import first_line
from routing.engine import secrets, strays
from routing.engine.directory import Directory
from routing.engine.pace import Pace
from routing.engine.prepare import Preparer, PrepareSettings
from routing.engine.process import EngineProcess, new_identifiers, open_spool, run_folder, settle_departed
from routing.engine.watch import Casualty, Watch
from routing.wakeup import Waker, Wakeup
from scripts_app.core.lua.limits import Limits

log = logging.getLogger("capacitor.prepare")

_IDLE = 1.0
"""Seconds between two looks at the queue when nobody nudges: deferred items become due without a nudge."""


def prepare_settings() -> PrepareSettings:
    """The environment's settings in the form that the preparer takes."""
    service = settings.CAPACITOR
    return PrepareSettings(
        own_ae_title=service.ae_title,
        batch_size=service.batch_size,
        limits=Limits(
            seconds=service.lua_seconds,
            memory_bytes=service.lua_memory << 20,
            restricted=service.lua_stdlib == "restricted",
        ),
        retry_after=timedelta(seconds=service.prepare_retry),
        tries=service.prepare_tries,
        process_delay=timedelta(milliseconds=service.process_delay),
    )


def run(watch: Watch, casualty: Casualty | None) -> None:
    """Prepare until told to stop."""
    service = settings.CAPACITOR
    secrets.hide()
    strays.take_in_orphans()
    with EngineProcess("prepare") as process:
        watch.owner = process.owner
        wakeup, deliver = Wakeup(run_folder(), "prepare"), Waker(run_folder(), "deliver")
        preparer = Preparer(
            process.owner,
            open_spool(),
            Directory(service.ae_title, service.ae_title_prefix),
            prepare_settings(),
            watch=watch,
            new_id=new_identifiers(),
            prepared=deliver.wake,
            stopping=process.stopping.is_set,
            tidy=strays.end_strays,
        )
        process.on_stop(wakeup.nudge)
        pace = Pace()
        unsettled = True
        try:
            while not process.stopping.is_set():
                wakeup.clear()
                try:
                    close_old_connections()
                    if unsettled:
                        settle_departed(casualty)
                        unsettled = False
                    process.beat()
                    pace.begin()
                    if claimed := preparer.step():
                        if claimed < service.batch_size:
                            time.sleep(pace.left)
                        continue
                except DatabaseProblem as error:
                    log.error("the database cannot be used: %s", first_line(error))
                    time.sleep(_IDLE)
                wakeup.wait(_IDLE)
        finally:
            wakeup.close()

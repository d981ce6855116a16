"""The delivering process: step after step, sleeping while nothing is due and nothing comes back."""

from __future__ import annotations

import contextlib
import logging

from django.conf import settings
from django.db import Error as DatabaseProblem

from routing.engine.delivering.deliver import Deliverer
from routing.engine.nodes.target import DeliverySettings
from routing.engine.process import IDLE, EngineProcess
from routing.engine.watching.watch import Casualty, Watch
from routing.folders import run_folder
from routing.processes.application_log import first_line
from routing.processes.wakeup import Wakeup
from routing.queue.spool import open_spool

log = logging.getLogger("capacitor.deliver")

_DRAIN = 20.0
"""Seconds for the images in flight at the end; the watchdog waits a little longer."""


def delivery_settings() -> DeliverySettings:
    """The environment's settings in the form that the deliverer takes."""
    service = settings.CAPACITOR
    return DeliverySettings(
        own_ae_title=service.ae_title,
        batch_size=service.batch_size,
        connect_timeout=service.connect_timeout,
        stall_threshold=service.stall_threshold,
        storage_timeout=service.storage_timeout,
        transfer_syntax=service.transfer_syntax,
        time_zone=service.time_zone,
    )


def run(watch: Watch, casualty: Casualty | None) -> None:
    """Deliver until told to stop."""
    with EngineProcess("deliver") as process, contextlib.closing(Wakeup(run_folder(), "deliver")) as wakeup:
        watch.owner = process.owner
        presence = process.presence
        deliverer = Deliverer(
            process.owner, open_spool(), delivery_settings(), presence.journal, presence.forget, wakeup.was_last
        )
        try:
            process.work(
                deliverer.step,
                lambda: deliverer.idle(IDLE, wakeup.fileno(), process.stopping.fileno()),
                wakeup=wakeup,
                casualty=casualty,
                detail=deliverer.detail,
                turned=watch.turned,
            )
        finally:
            try:
                deliverer.stop(_DRAIN)
            except DatabaseProblem as error:
                # What it could not record is in the journal, and what it holds in its name: for the next process.
                log.error("the database cannot be used: %s", first_line(error))

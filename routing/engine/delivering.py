"""The delivering process: step after step, sleeping while nothing is due and nothing comes back."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import close_old_connections

from routing.application_log import first_line
from routing.engine.deliver import Deliverer
from routing.engine.process import EngineProcess, open_spool, run_folder, settle_departed
from routing.engine.target import DeliverySettings
from routing.engine.watch import Casualty, Watch
from routing.wakeup import Wakeup

log = logging.getLogger("capacitor.deliver")

_IDLE = 1.0
"""Seconds between two looks at the queue when nobody nudges: deferred items become due without a nudge."""
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
    with EngineProcess("deliver") as process:
        watch.owner = process.owner
        wakeup = Wakeup(run_folder(), "deliver")
        process.on_stop(wakeup.nudge)
        deliverer = Deliverer(process.owner, open_spool(), delivery_settings(), process.presence.journal)
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
                    if deliverer.step():
                        continue
                    if not deliverer.busy:
                        process.presence.clear_journal()
                except DatabaseProblem as error:
                    log.error("the database cannot be used: %s", first_line(error))
                    time.sleep(_IDLE)
                deliverer.idle(_IDLE, wakeup.fileno())
        finally:
            deliverer.stop(_DRAIN)
            wakeup.close()

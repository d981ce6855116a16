"""The housekeeping process: adopt, expire, purge, sweep; one at a time in the whole installation."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django.utils import timezone

from routing.core.states import QueueEvent, QueueState
from routing.engine.adopt import adopt
from routing.engine.directory import Directory
from routing.engine.process import EngineProcess, open_spool, run_folder, settle_departed
from routing.engine.retention import expire, forget_history, forget_idle, purge_files, sweep
from routing.engine.watch import Casualty, Watch
from routing.models import Lane, QueueItem
from routing.prepared_files import PreparedFiles
from routing.record import record_for
from routing.wakeup import Waker, Wakeup

log = logging.getLogger("capacitor.housekeeping")

_ROUND = 5.0
"""Seconds between two rounds."""
_SWEEP_EVERY = 120
"""Rounds between two looks for leftovers."""
_OVERLAP = timedelta(hours=2)
"""How far a look for files without rows goes back beyond the last one that came through."""
_SETTLED = timedelta(seconds=5)
_LANE = "housekeeping"
_LOG_KEPT = timedelta(days=30)


class Housekeeper:
    """``step`` is one round; it may be cut short anywhere and is simply begun anew."""

    def __init__(self, owner: str) -> None:
        service = settings.CAPACITOR
        self._owner = owner
        self._spool = open_spool()
        self._files = PreparedFiles(self._spool.root)
        self._directory = Directory(service.ae_title, service.ae_title_prefix)
        self._looked_until: datetime | None = None
        self._round = 0

    def step(self) -> int:
        """One round; returns how many files were adopted.  Does nothing while another one keeps house."""
        if not self._take_turn():
            return 0
        service = settings.CAPACITOR
        now = timezone.now()
        first = self._looked_until is None
        since = self._looked_until - _OVERLAP if self._looked_until else None
        adopted = adopt(self._spool, self._directory, since=since, settled=timedelta(0) if first else _SETTLED)
        self._looked_until = now
        if first and service.retry_rejected_at_start:
            rejected = QueueItem.objects.filter(state=QueueState.REJECTED)
            record_for(
                rejected, QueueEvent.SEND_AGAIN, actor="service start", note="rejected items are tried once more"
            )
        expire(timedelta(seconds=service.expiry))
        purge_files(self._spool, self._files, timedelta(seconds=service.keep_delivered))
        forget_history(timedelta(seconds=service.keep_history))
        if self._round % _SWEEP_EVERY == 0:
            forget_idle(_LOG_KEPT)
            sweep(self._spool, self._files)
        self._round += 1
        return adopted

    @transaction.atomic
    def _take_turn(self) -> bool:
        now = timezone.now()
        lane, made = Lane.objects.select_for_update().get_or_create(
            key=_LANE, defaults={"owner": self._owner, "until": now + timedelta(minutes=1)}
        )
        if not made:
            if lane.owner != self._owner and lane.until > now:
                return False
            lane.owner, lane.until = self._owner, now + timedelta(minutes=1)
            lane.save(update_fields=["owner", "until"])
        return True


def run(watch: Watch, casualty: Casualty | None) -> None:
    """Keep house until told to stop."""
    with EngineProcess("housekeep") as process:
        wakeup, prepare = Wakeup(run_folder(), "housekeep"), Waker(run_folder(), "prepare")
        process.on_stop(wakeup.nudge)
        keeper = Housekeeper(process.owner)
        try:
            while not process.stopping.is_set():
                try:
                    close_old_connections()
                    process.beat()
                    settle_departed()
                    if keeper.step():
                        prepare.wake()
                except DatabaseError as error:
                    log.error("the database cannot be used: %s", error)
                except OSError as error:
                    log.error("the spool cannot be used: %s", error)
                wakeup.wait(_ROUND)
        finally:
            wakeup.close()

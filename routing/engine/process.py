"""What every engine process does at its start and end: a sign of life, the log, the settling of those who died."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import close_old_connections
from django.utils import timezone

from routing.database.deadlock import was_deadlock
from routing.engine import sqlite_hot_path
from routing.engine.settling import Settled, settle_departed
from routing.engine.watching.watch import Casualty
from routing.folders import run_folder
from routing.models import ServiceProcess
from routing.processes import application_log
from routing.processes.application_log import first_line, place_of
from routing.processes.presence import Presence
from routing.processes.stop_flag import StopFlag
from routing.processes.wakeup import Wakeup
from routing.queue.giving_back import give_back
from routing.spool.spool import SpoolGone

log = logging.getLogger("capacitor.process")

HEARTBEAT = 5.0
"""Seconds between two signs of life in the database."""
IDLE = 1.0
"""Seconds between two looks at the queue when nobody nudges: deferred items become due without a nudge."""


def enter_role(role: str) -> None:
    """What each process of the engine does first: it leaves no patient data behind, and says what it is in the log."""
    service = settings.CAPACITOR
    # A core dump would hold patient data.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    # What is loaded by now stays: no collection has to go through it again, or unshare its memory from the parent.
    gc.freeze()
    sqlite_hot_path.tune(role)
    application_log.start(role, Path(service.data_dir) / "logs", service.log_level)


def _end_with_thread(ended: threading.ExceptHookArgs) -> None:
    """A process that has lost a thread seems to live and does not do its work; a new one does."""
    name = ended.thread.name if ended.thread else "a thread"
    where = place_of(ended.exc_value) if ended.exc_value else ended.exc_type.__name__
    log.critical("thread %s ended by an unexpected error, and this process with it: %s", name, where)
    logging.shutdown()
    os._exit(1)


class EngineProcess:
    """
    One engine process from start to end; use as a context manager.

    ``owner`` names its leases.  ``stopping`` is set by SIGTERM and SIGINT.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self.stopping = StopFlag()
        self._beaten_at = float("-inf")
        self._settled = Settled()

    def __enter__(self) -> EngineProcess:
        enter_role(self.role)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self.stopping.hear_signals()
        self._excepthook, threading.excepthook = threading.excepthook, _end_with_thread
        self.presence = Presence(run_folder())
        self.owner = self.presence.owner
        self.started_at = timezone.now()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        threading.excepthook = self._excepthook
        self.stopping.hear_no_more()
        if self.presence.unrecorded:
            # Given back they would be sent again.  The file stays, as after a kill: the next process records them.
            log.warning("%d answers are left for the next process to record", self.presence.unrecorded)
            return
        try:
            # After an unexpected error nobody knows which item it came from: all stay counted.
            give_back(self.owner, begun=() if kind is None else None)
            ServiceProcess.objects.filter(owner=self.owner).delete()
            self.presence.end()
        except DatabaseProblem as error:
            # The presence file stays: its lock is gone with this process, so the next one settles it.
            log.warning("leases are left for the next process: %s", first_line(error))

    def _stop(self, number: int, frame: object) -> None:
        self.stopping.set()

    def work(
        self,
        turn: Callable[[], bool],
        wait: Callable[[], object],
        *,
        wakeup: Wakeup,
        casualty: Casualty | None = None,
        detail: Callable[[], dict[str, Any]] = dict,
        turned: Callable[[], None] = lambda: None,
    ) -> None:
        """
        Take turn after turn until told to stop; after one that did nothing (False), ``wait``.

        It waits for nudges of ``wakeup``, and for ``stopping``.

        What dead processes left, ``casualty`` among them, is settled before the first.
        A database that cannot be used (django.db.Error), or a spool that is gone, costs a
        rest and a line in the log, and then the turn is taken again.  ``detail`` goes with each sign of life in the
        database; ``turned`` is called before each turn.
        """
        own_log, settled = logging.getLogger(f"capacitor.{self.role}"), False
        while not self.stopping.wait(0):
            # Before the look for work: a nudge that comes during the turn ends the wait after it.
            wakeup.clear()
            turned()
            try:
                close_old_connections()
                if not settled:
                    self.settle_departed(casualty)
                    settled = True
                self.beat(**detail())
                if turn():
                    continue
            except DatabaseProblem as error:
                if was_deadlock(error):
                    own_log.warning("a transaction gave way to one that waited for the same rows; it is done again")
                    continue
                own_log.error("the database cannot be used: %s", first_line(error))
                self.stopping.wait(IDLE)
            except SpoolGone as error:
                # What is held is given back by the next turn, uncounted: no image is to blame.
                own_log.error("%s", error.strerror)
                self.stopping.wait(IDLE)
            if not self.stopping.is_set():
                wait()

    def live(self, beside: Callable[[], object], *, detail: Callable[[], dict[str, Any]] = dict) -> None:
        """Nothing but signs of life until told to stop, and ``beside`` after each: others do the work."""
        while not self.stopping.is_set():
            # Nothing else is asked by this connection: one that is read-only would be kept for ever.
            close_old_connections()
            self.beat(**detail())
            beside()
            self.stopping.wait(HEARTBEAT)

    def settle_departed(self, casualty: Casualty | None = None) -> None:
        """As the function; what comes of it goes with the signs of life."""
        self._settled += settle_departed(casualty)

    def beat(self, **detail: Any) -> None:
        """A sign of life in the database, at most every HEARTBEAT seconds; a busy database must not matter."""
        now = time.monotonic()
        if now - self._beaten_at < HEARTBEAT:
            return
        self._beaten_at = now
        try:
            ServiceProcess.objects.update_or_create(
                owner=self.owner,
                defaults={
                    "role": self.role,
                    "host": socket.gethostname()[:64],
                    "pid": os.getpid(),
                    "started_at": self.started_at,
                    "seen_at": timezone.now(),
                    "detail": detail | self._settled.as_detail(),
                },
            )
        except DatabaseProblem as error:
            log.warning("sign of life could not be written: %s", first_line(error))

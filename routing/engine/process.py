"""What every engine process does at its start and end: a sign of life, the log, the settling of those who died."""

from __future__ import annotations

import gc
import logging
import os
import resource
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import close_old_connections, transaction
from django.utils import timezone

from routing import application_log
from routing.application_log import first_line, place_of
from routing.claims import give_back
from routing.core.identifiers import Identifiers
from routing.core.states import QueueEvent, QueueState
from routing.dicom.status import SUCCESS, Answer, describe, meaning
from routing.engine import sqlite_hot_path, story
from routing.engine.doubts import note_doubts
from routing.engine.said import lines_of
from routing.engine.watch import Casualty
from routing.folders import data_folder, spool_folder
from routing.models import ItemLogLine, PrepareReport, QueueItem, Rehearsal, ServiceProcess
from routing.presence import Departed, Presence, departed, owners
from routing.record import Move, record, record_for
from routing.rows import insert
from routing.spool import Durability, Spool, SpoolGone
from routing.stop_flag import StopFlag
from routing.wakeup import Wakeup
from scripts_app.core.outcome import Outcome
from scripts_app.core.reports import cut_short
from scripts_app.loader import current as active_scripts

log = logging.getLogger("capacitor.process")

HEARTBEAT = 5.0
"""Seconds between two signs of life in the database."""
IDLE = 1.0
"""Seconds between two looks at the queue when nobody nudges: deferred items become due without a nudge."""


def run_folder() -> Path:
    """Presence files and wake-up sockets of this machine's processes."""
    return data_folder() / "run"


def open_spool(*, lost: bool = False) -> Spool:
    """
    The spool; SpoolGone when images wait of which it has none, nor a sign that it has ever been one.

    With ``lost`` somebody knows that it is empty because its files are lost.
    """
    spool = Spool(spool_folder(), cast(Durability, settings.CAPACITOR.durable))
    if spool.gone and not lost:
        raise SpoolGone(spool.root)
    if not spool.marked:
        if not lost and next(spool.ids(), None) is None and _images_wait():
            raise SpoolGone(spool.root)
        spool.mark()
    return spool


def _images_wait() -> bool:
    try:
        return QueueItem.objects.waiting().filter(purged_at=None).exists()
    except DatabaseProblem:
        # Images are taken also while the database is away.
        return False


def new_identifiers(tags: range) -> Identifiers:
    """
    For FILE_TAGS or ROW_TAGS.

    Each process takes a tag at random; what collides all the same is refused by the file's name or the row's key.
    """
    return Identifiers(secrets.choice(tags))


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
        self._nudge: Callable[[], None] = lambda: None
        self._beaten_at = float("-inf")
        self._settled = Settled()

    def __enter__(self) -> EngineProcess:
        enter_role(self.role)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._excepthook, threading.excepthook = threading.excepthook, _end_with_thread
        self.presence = Presence(run_folder())
        self.owner = self.presence.owner
        self.started_at = timezone.now()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        threading.excepthook = self._excepthook
        try:
            # After an unexpected error nobody knows which item it came from: all stay counted.
            give_back(self.owner, begun=() if kind is None else None)
            ServiceProcess.objects.filter(owner=self.owner).delete()
            self.presence.end()
        except DatabaseProblem as error:
            # The presence file stays: its lock is gone with this process, so the next one settles it.
            log.warning("leases are left for the next process: %s", first_line(error))

    def on_stop(self, nudge: Callable[[], None]) -> None:
        """Call this from the signal handler, too, so that a loop that waits wakes up."""
        self._nudge = nudge

    def _stop(self, number: int, frame: object) -> None:
        self.stopping.set()
        self._nudge()

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

        What dead processes left, ``casualty`` among them, is settled before the first.
        A database that cannot be used (django.db.Error), or a spool that is gone, costs a
        rest and a line in the log, and then the turn is taken again.  ``detail`` goes with each sign of life in the
        database; ``turned`` is called before each turn.
        """
        self.on_stop(wakeup.nudge)
        settled = False
        while not self.stopping.is_set():
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
                logging.getLogger(f"capacitor.{self.role}").error("the database cannot be used: %s", first_line(error))
                self.stopping.wait(IDLE)
            except SpoolGone as error:
                # What is held is given back by the next turn, uncounted: no image is to blame.
                logging.getLogger(f"capacitor.{self.role}").error("%s", error.strerror)
                self.stopping.wait(IDLE)
            if not self.stopping.is_set():
                wait()

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


@dataclass(frozen=True, slots=True)
class Settled:
    """Items of dead processes: those they had sent are recorded, the others freed."""

    recorded: int = 0
    freed: int = 0

    def __add__(self, other: Settled) -> Settled:
        return Settled(self.recorded + other.recorded, self.freed + other.freed)

    def as_detail(self) -> dict[str, int]:
        return {"recorded": self.recorded, "freed": self.freed} if self != Settled() else {}


def settle_departed(casualty: Casualty | None = None) -> Settled:
    """
    Put right what dead processes of this machine left: record what they sent, free what they held.

    The item of a casualty fails when its script ended the process or had to be
    ended, and would do so again; one that died of something else stays counted.
    """
    done = Settled()
    for owner in owners(run_folder()):
        with departed(run_folder(), owner) as found:
            if found is not None:
                done += _settle(found, casualty if casualty and casualty.owner == owner else None)
    if casualty is not None and casualty.message:
        # Another process may have settled its worker before this one came to know of the casualty.
        scripts = active_scripts()
        outcome = cut_short(scripts.entries, casualty.message, casualty.place, said=lines_of(casualty.said))
        item = QueueItem.objects.filter(id=casualty.item_id, state=QueueState.NEW)
        if record_for(item, QueueEvent.GAVE_UP, actor="watchdog", note=outcome.message).moved:
            _tell_of(casualty.item_id, outcome, scripts.version)
    return done


def _tell_of(item_id: int, outcome: Outcome, version: int | None) -> None:
    """A run that nobody was left to report; it ran what is active, unless that has just changed."""
    QueueItem.objects.filter(id=item_id).update(last_error=outcome.message)
    story.to_application_log(outcome)
    now = timezone.now()
    PrepareReport.objects.create(**story.report(item_id, outcome, version, 0, now))
    insert(ItemLogLine, story.log(item_id, outcome, now))


@transaction.atomic
def _settle(found: Departed, casualty: Casualty | None) -> Settled:
    sent = record(
        [_delivered(item, found.statuses.get(item, SUCCESS)) for item in found.sent],
        actor="recovery",
        owner=found.owner,
    )
    note_doubts(found.owner, f"process {found.owner} ended with it in hand")
    freed = give_back(found.owner, begun=[casualty.item_id] if casualty else None)
    Rehearsal.objects.filter(owner=found.owner).update(owner="", until=None)
    ServiceProcess.objects.filter(owner=found.owner).delete()
    log.warning("process %s had ended: %d items it had sent are recorded, %d given back", found.owner, len(sent), freed)
    return Settled(len(sent), freed)


def _delivered(item: int, status: int) -> Move:
    warned = meaning(status) is Answer.WARNING
    words = f"answered {describe(status)}" if warned else ""
    note = "; ".join(filter(None, ("the sender ended before it could record this", words)))
    # What came of earlier attempts must not stand beside it.
    columns = {"last_error": words, "last_status": status, "warning": warned}
    return Move(item, QueueState.PREPARED, QueueEvent.DELIVERED, note, columns)

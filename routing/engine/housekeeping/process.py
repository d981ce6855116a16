"""The housekeeping process: adopt, expire, purge, sweep; one at a time in the whole installation."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from routing.core.states import QueueState
from routing.database.version_counts import VersionCounter
from routing.engine.directory import Directory
from routing.engine.housekeeping.adopt import adopt
from routing.engine.housekeeping.audit_keeping import AuditKeeper
from routing.engine.housekeeping.clock import end_impossible_waits
from routing.engine.housekeeping.confirmed_time import ConfirmedTime
from routing.engine.housekeeping.folding import fold_deferrals
from routing.engine.housekeeping.lease_watch import LeaseWatch
from routing.engine.housekeeping.retention import expire, forget_history, forget_idle, outlived, purge_files, sweep
from routing.engine.housekeeping.samples import look_for_captures
from routing.engine.housekeeping.service_start import ServiceStart
from routing.engine.housekeeping.traffic import TrafficCounter, forget_traffic
from routing.engine.nodes.echoes import Echoes
from routing.engine.process import EngineProcess
from routing.engine.receiving.quarantine import keep_order
from routing.engine.reconcile import fail_for_nobody, fail_missing
from routing.engine.watching.watch import Casualty, Watch
from routing.folders import run_folder
from routing.models import Lane, QueueItem
from routing.nodes.renamed import readdress_late
from routing.processes.wakeup import Waker, Wakeup
from routing.queue.claims import LEASE
from routing.queue.giving_back import free_orphans
from routing.queue.record import retry_for
from routing.queue.spool import open_spool
from routing.spool.prepared import PreparedFiles
from routing.spool.removal import Removal
from scripts_app.trying import samples

log = logging.getLogger("capacitor.housekeeping")

_ROUND = 5.0
"""Seconds between two rounds."""
_SWEEP_EVERY = 120
"""Rounds between two looks for leftovers and at all files; the other rounds look at new files only."""
_PURGE_EVERY = 12
"""Rounds between two looks for what has outlived its time."""
_LATER = timedelta(days=1)
"""What stayed longer than it may wait, and be kept, by more than this is left to the look at all that is finished."""
_OVERLAP = timedelta(minutes=1)
"""How far a look for files without rows goes back beyond the last one that came through."""
_SETTLED = timedelta(seconds=5)
_LOOK_SHARE = 50
"""A look at new files lists the folder of the hour: however full that is, no more than a fiftieth of the time."""
_MOST_TURNS = 20
"""How often one round repeats a chunk of work that leaves more to do."""
_TURN = timedelta(minutes=1)
_LANE = "\\housekeeping"
"""No study can have this UID: the backslash separates values (PS3.5 6.2)."""
_LOG_KEPT = timedelta(days=30)
_KEEP_EVERY = 60.0
_RETRIED_TOGETHER = 500
"""Items of one transaction: nobody else writes meanwhile."""
_MOST_HELD = 100_000
"""Images that are counted while the clock is not believed."""
_NAMED = 5
"""Unreadable files that are told by name."""


class Housekeeper:
    """``step`` is one round; it may be cut short anywhere and is simply begun anew."""

    def __init__(self, owner: str, start: ServiceStart | None = None) -> None:
        service = settings.CAPACITOR
        self._owner = owner
        self._start = start or ServiceStart()
        self._spool = open_spool()
        self._files = PreparedFiles(self._spool.root)
        self._directory = Directory.of_service()
        self._looked_until: datetime | None = None
        self._look_at = 0.0
        self._unreadable: set[int] = set()
        self._queued: set[int] = set()
        """Files of the last minute that are known to have rows."""
        self.in_charge = False
        """Whether the last round was this one's to do."""
        self.adopted_at_start: int | None = None
        """Files without rows that the first look at all of them found."""
        self.missing_at_start: int | None = None
        """Items whose file that look did not find."""
        self._round = 0
        self._purging = False
        """The last look for what has outlived its time did not come to an end."""
        self._readdressed: datetime | None = None
        """When nothing was queued by a title that its node has no more."""
        self._renaming = False
        """The last look left some of that."""
        self._time = ConfirmedTime()
        self._held = 0
        """Images that would have expired if the clock were believed."""
        self._traffic = TrafficCounter()
        self._leases = LeaseWatch(owner, (LEASE + timedelta(seconds=service.lua_seconds)).total_seconds())
        self._others_lane: tuple[str, datetime, float] | None = None
        """Who else keeps house, until when, and since when that has stood there by this process's steady clock."""
        self._versions = VersionCounter()
        self._audit = AuditKeeper()
        self._remove = Removal()

    def step(self) -> int:
        """One round; returns how many files were adopted.  Does nothing while another one keeps house."""
        # By each of them: the one in charge may be the one that is stuck.
        self._leases.step()
        self.in_charge = self._take_turn()
        if not self.in_charge:
            return 0
        service = settings.CAPACITOR
        now = timezone.now()
        first = self.missing_at_start is None
        sweeping = first or self._round % _SWEEP_EVERY == 0
        adopted = self._adopt(now, everything=sweeping)
        if first:
            self.missing_at_start = fail_missing(self._spool)
            self.adopted_at_start = adopted
        free_orphans()
        _repeat(fail_for_nobody)
        # Before anything is forgotten that is still to be counted.
        for counter in (self._traffic, self._versions):
            _repeat(counter.step)
            counter.look()
        if self._start.due:
            self._retry_rejected()
            self._start.is_over()
        age, ahead = timedelta(seconds=service.expiry), self._time.ahead
        kept = timedelta(seconds=service.keep_delivered) + ahead
        # Before the listener has to refuse images.
        scarce = self._spool.free_bytes() < 2 * (service.min_free_mib << 20)
        look_for_captures(self._spool)
        _repeat(lambda: expire(age, ahead).moved)
        if sweeping:
            self._remove.try_again()
        if scarce or self._purging or sweeping or self._round % _PURGE_EVERY == 0:
            self._purge(kept, scarce=scarce, since=None if sweeping or self._purging else now - age - kept - _LATER)
            fold_deferrals()
            end_impossible_waits()
            # Not in each round: in a long queue that takes a while.
            self._held = outlived(age)[:_MOST_HELD].count() if ahead else 0
        if self._renaming or sweeping or self._round % _PURGE_EVERY == 0:
            self._follow_renamed(now)
        self._audit.step(sweeping=sweeping, ahead=ahead)
        if sweeping:
            forget_idle(_LOG_KEPT, ahead)
            forget_traffic(now - ahead)
            sweep(self._spool, self._files)
            samples.sweep()
        if sweeping or self._round % _PURGE_EVERY == 0:
            keep_order(
                self._spool,
                timedelta(seconds=service.keep_quarantine) + ahead,
                0 if scarce else service.quarantine_mib << 20,
                self._remove,
            )
        self._round += 1
        return adopted

    def _follow_renamed(self, now: datetime) -> None:
        # A clock that was set back must not hide what has been renamed since.
        self._renaming = not readdress_late(self._readdressed and min(self._readdressed, now))
        if not self._renaming:
            self._readdressed = now

    def _purge(self, kept: timedelta, *, scarce: bool, since: datetime | None) -> None:
        history = timedelta(seconds=settings.CAPACITOR.keep_history) + self._time.ahead
        purged = _repeat(
            lambda: purge_files(self._spool, self._files, kept, scarce=scarce, remove=self._remove, since=since)
        )
        forgotten = _repeat(lambda: forget_history(self._spool, history, remove=self._remove))
        self._purging = purged or forgotten

    def _adopt(self, now: datetime, *, everything: bool) -> int:
        began = time.monotonic()
        if not everything and began < self._look_at:
            return 0
        adopted = adopt(
            *(self._spool, self._directory),
            since=None if everything or self._looked_until is None else self._looked_until - _OVERLAP,
            settled=_SETTLED,
            unreadable=self._unreadable,
            queued=None if everything else self._queued,
        )
        self._looked_until = now
        if not everything:
            # A round's own pause is long enough for a tenth of a second.
            self._look_at = began + _LOOK_SHARE * (time.monotonic() - began) - _ROUND
        return adopted

    def _retry_rejected(self) -> None:
        if not settings.CAPACITOR.retry_rejected_at_start:
            return
        # Named before any is tried: what is rejected again meanwhile had its turn.
        rejected = list(QueueItem.objects.filter(state=QueueState.REJECTED).order_by("id").values_list("id", flat=True))
        for at in range(0, len(rejected), _RETRIED_TOGETHER):
            some = QueueItem.objects.filter(id__in=rejected[at : at + _RETRIED_TOGETHER], state=QueueState.REJECTED)
            retry_for(some, actor="service start", note="rejected items are tried once more")

    def detail(self) -> dict[str, Any]:
        """What pages tell: what the start found, files that can be in no queue, and what waits for the clock."""
        unreadable = [self._spool.path(item).name for item in sorted(self._unreadable)]
        return {
            "adopted": self.adopted_at_start,
            "missing": self.missing_at_start,
            "unreadable": len(unreadable),
            "unreadable_files": unreadable[:_NAMED],
            "held": self._held,
            "ahead_seconds": round(self._time.ahead.total_seconds()),
            "believed_at": self._time.believed_at.isoformat() if self._time.believed_at else None,
        }

    @transaction.atomic
    def _take_turn(self) -> bool:
        now = timezone.now()
        lane, made = Lane.objects.select_for_update().get_or_create(
            key=_LANE, defaults={"owner": self._owner, "until": now + _TURN}
        )
        if not made:
            if lane.owner != self._owner and lane.until > now and not self._silent(lane):
                self._time.look_away()
                return False
            lane.owner, lane.until = self._owner, now + _TURN
            lane.save(update_fields=["owner", "until"])
        self._time.look(now)
        return True

    def _silent(self, lane: Lane) -> bool:
        """Whether the other housekeeper has not moved for as long as its turn lasts: clocks may have been set back."""
        seen = self._others_lane
        if seen is None or seen[:2] != (lane.owner, lane.until):
            if seen is not None:
                # It moves: what is to be done at the start is that one's, or the service ran before this process.
                self._start.is_over()
            self._others_lane = seen = (lane.owner, lane.until, time.monotonic())
        return time.monotonic() - seen[2] > _TURN.total_seconds()


def _repeat(chunk: Callable[[], int]) -> bool:
    """Work through what there is, but leave something to the next round rather than keep all else waiting: True."""
    return all(chunk() for _ in range(_MOST_TURNS))


def run(
    watch: Watch,
    casualty: Casualty | None,
    *,
    now_and_then: Callable[[], None] = lambda: None,
    start: ServiceStart | None = None,
) -> None:
    """Keep house until told to stop; ``now_and_then`` is called each minute by the one in charge."""
    kept_at = float("-inf")
    with EngineProcess("housekeep") as process, contextlib.closing(Wakeup(run_folder(), "housekeep")) as wakeup:
        prepare = Waker(run_folder(), "prepare")
        keeper, echoes = Housekeeper(process.owner, start), Echoes(settings.CAPACITOR.echo_seconds)

        def turn() -> bool:
            nonlocal kept_at
            process.settle_departed()
            try:
                if keeper.step():
                    prepare.wake()
                if keeper.in_charge:
                    echoes.step()
                    if time.monotonic() - kept_at > _KEEP_EVERY:
                        now_and_then()
                        kept_at = time.monotonic()
            except OSError as error:
                log.error("the spool cannot be used: %s", error)
            return False

        process.work(turn, lambda: wakeup.wait(_ROUND, process.stopping), wakeup=wakeup, detail=keeper.detail)

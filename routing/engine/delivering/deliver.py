"""Send prepared items to their nodes: one main thread owns the database, each node has couriers of its own."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import select
import time
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from routing.engine.delivering.node_couriers import NodeCouriers
from routing.engine.delivering.outgoing import Outgoing
from routing.engine.delivering.recording import record_reports
from routing.engine.delivering.reports import Report, as_of
from routing.engine.delivering.shared_node import PAUSE, OtherWorkers
from routing.engine.doubts import note_doubts
from routing.engine.nodes.local_addresses import local_addresses
from routing.engine.nodes.status import Trial, end_back_off, may_try
from routing.engine.nodes.target import DeliverySettings, targets
from routing.engine.pace import Pace
from routing.queue.claims import LEASE, claim_deliverable, deliverable_due, renew
from routing.queue.giving_back import give_back
from routing.spool.spool import Spool

log = logging.getLogger("capacitor.deliver")

_RENEWAL = LEASE.total_seconds() / 4
_AT_ONCE = 256
"""Reports recorded in one transaction."""


class Deliverer:
    """
    The delivering process, without its loop.

    The loop calls ``step()`` while it has work and ``idle()`` when it has none,
    always from the same thread; ``stop()`` ends it in good order.
    """

    def __init__(
        self,
        owner: str,
        spool: Spool,
        settings: DeliverySettings,
        journal: Callable[[int, int], None],
        recorded: Callable[[Iterable[int]], None],
        no_more: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        ``journal`` notes an item that a node has taken; called by couriers, before its row is recorded.

        ``recorded`` is told which items need no note any more.  ``no_more`` answers whether a stream has
        paused since it was asked last: then there is nothing to wait for.
        """
        self._owner = owner
        self._settings = settings
        self._journal, self._recorded, self._no_more = journal, recorded, no_more
        self._outgoing = Outgoing(spool)
        self._others = OtherWorkers(owner)
        self._zone = ZoneInfo(settings.time_zone)
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._unrecorded: list[Report] = []
        self._couriers: dict[int, NodeCouriers] = {}
        self._probing: set[int] = set()
        """Failing nodes that this process is the one to try."""
        self._closed: dict[int, str] = {}
        self._out_of_reach: dict[int, str] = {}
        self._refreshed_at = -math.inf
        self._renewed_at = time.monotonic()
        self._pace = Pace()
        self._wanting: set[int] = set()
        """Nodes for which more items are due than their couriers had room for."""
        self._put_off = False
        """There may be something to do, but more is to come: the next turn does it together."""
        self._awaited = False
        """The main thread sleeps until there is a report; else until its turn or until there is room for more."""
        self._told, self._tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def step(self) -> bool:
        """One unit of work: record what couriers report, then hand out what is due.  Whether there was any."""
        self._collect()
        if time.monotonic() - self._renewed_at > _RENEWAL:
            renew(self._owner)
            self._renewed_at = time.monotonic()
        self._put_off = self._gathering()
        recorded = not self._put_off and self._record()
        self._end_probes()
        self._refresh()
        return not self._put_off and (self._hand_out() or recorded)

    def idle(self, timeout: float, *wakeups: int) -> None:
        """Wait at most ``timeout`` seconds for a report of a courier, or until one of the descriptors is readable."""
        if self._put_off:
            # A nudge may tell that no more is to come.
            timeout = min(timeout, self._pace.left)
        poll = select.poll()
        for descriptor in (self._told, *wakeups):
            poll.register(descriptor, select.POLLIN)
        self._awaited = not self._put_off
        # From here on a report that is awaited writes to the pipe; what came just before is in the queue.
        if self._put_off or self._reports.empty():
            poll.poll(timeout * 1000)
        self._awaited = False

    @property
    def busy(self) -> bool:
        """Whether anything is on its way or unrecorded."""
        return not self._all_recorded or any(couriers.busy for couriers in self._couriers.values())

    @property
    def _all_recorded(self) -> bool:
        return not self._unrecorded and self._reports.empty()

    def stop(self, drain_seconds: float) -> None:
        """
        Let the images in flight finish, record them, and give everything else back.

        What is not finished after ``drain_seconds`` is given back as well: its
        outcome stays unknown and it is sent again.
        """
        until = time.monotonic() + drain_seconds
        for couriers in self._couriers.values():
            couriers.stop()
        late = [couriers for couriers in self._couriers.values() if not couriers.join(until)]
        for couriers in late:
            log.warning("node %s did not finish in %g s", couriers.target.ae_title, drain_seconds)
        self._collect()
        while self._record():
            self._collect()
        with transaction.atomic():
            if late:
                note_doubts(self._owner, "the node had not answered when this process was told to stop")
            give_back(self._owner)
        os.close(self._told)
        tell, self._tell = self._tell, -1
        os.close(tell)

    def _gathering(self) -> bool:
        """Whether images are under way, so that soon more can be recorded and handed out at once."""
        if self._no_more() or not self._pace.left or len(self._unrecorded) >= _AT_ONCE or not self.busy:
            return False
        return not any(self._has_room(node_id) for node_id in self._wanting)

    def _has_room(self, node_id: int) -> bool:
        return node_id in self._couriers and self._couriers[node_id].room() > 0

    def _report(self, report: Report) -> None:
        self._reports.put(report)
        node_id = report.target.node_id
        if self._awaited or (node_id in self._wanting and self._has_room(node_id)):
            # A full pipe wakes as well as one byte more would; a closed one has nobody to wake.
            with contextlib.suppress(BlockingIOError, OSError):
                os.write(self._tell, b"!")

    def _collect(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self._told, 4096)) == 4096:
                pass
        while len(self._unrecorded) < _AT_ONCE and not self._reports.empty():
            self._unrecorded.append(self._reports.get())

    def _record(self) -> bool:
        if not self._unrecorded:
            return False
        now = timezone.now()
        for at, told in enumerate(self._unrecorded):
            report = self._unrecorded[at] = as_of(told, self._couriers[told.target.node_id].target)
            if returned := self._others.keep_from(report, now):
                self._unrecorded[at] = returned
                self._couriers[returned.target.node_id].pause(PAUSE)
        done = record_reports(self._unrecorded, now, self._owner)
        self._recorded(move.item_id for move in done.moves)
        reports, self._unrecorded = self._unrecorded, []
        for node_id in {report.target.node_id for report in reports}:
            self._couriers[node_id].calm()
            news = done.news.get(node_id)
            if news is not None and news.delivered:
                self._others.took(node_id, now)
            if news is not None and news.ordeal:
                self._probing.discard(node_id)
                if news.target.failures_in_a_row or any(news.ordeal):
                    # A back-off has begun or ended.
                    self._refreshed_at = -math.inf
        return True

    def detail(self) -> dict[str, Any]:
        """For the sign of life: which nodes it does not send to for reasons that only a worker's host can know."""
        return {"out_of_reach": self._out_of_reach} if self._out_of_reach else {}

    def _refresh(self) -> None:
        if time.monotonic() - self._refreshed_at < self._settings.node_list_age:
            return
        self._refreshed_at = time.monotonic()
        current = {target.node_id: target for target in targets(self._settings)}
        for node_id, target in current.items():
            if node_id in self._couriers:
                self._couriers[node_id].target = target
            else:
                self._couriers[node_id] = NodeCouriers(target, self._outgoing, self._journal, self._report)
        local = timezone.now().astimezone(self._zone)
        addresses = local_addresses() if any(target.networks for target in current.values()) else frozenset()
        out_of_reach = {node_id: target.why_out_of_reach(local, addresses) for node_id, target in current.items()}
        self._out_of_reach = {node_id: why for node_id, why in out_of_reach.items() if why}
        for node_id, couriers in list(self._couriers.items()):
            known = current.get(node_id)
            closed = "the node is gone" if known is None else known.why_closed(local, addresses)
            couriers.set_open(not closed)
            if closed != self._closed.get(node_id, ""):
                log.info("node %s: %s", couriers.target.ae_title, closed or "sending again")
                self._closed[node_id] = closed
            if known is None and not couriers.busy and node_id not in self._probing and self._all_recorded:
                del self._couriers[node_id]

    def _hand_out(self) -> bool:
        now = timezone.now()
        handed = 0
        self._wanting.clear()
        self._pace.begin()
        for node_id, couriers in self._couriers.items():
            target = couriers.target
            if target.not_before is not None and target.not_before > now:
                continue
            limit = couriers.room()
            # Looking first costs no write lock, which a claim does.
            if not deliverable_due(node_id):
                continue
            if not limit:
                self._wanting.add(node_id)
                continue
            # That a node fails is known at once to the process that met it, and within the list's age to the others.
            trial = may_try(node_id, now) if target.failures_in_a_row else Trial.YES
            if trial is Trial.NO:
                continue
            if trial is Trial.PROBE:
                self._probing.add(node_id)
            batch = claim_deliverable(self._owner, node_id, limit, sop_class_priorities=target.sop_class_priorities)
            if batch:
                couriers.give(batch)
                handed += len(batch)
            if len(batch) == limit:
                self._wanting.add(node_id)
        self._pace.found(handed)
        return handed > 0

    def _end_probes(self) -> None:
        """A trial that came to an end without telling anything about the node must not keep others from it."""
        over = [node_id for node_id in self._probing if not self._couriers[node_id].busy]
        if over and self._all_recorded:
            end_back_off(over, timezone.now())
            self._probing.difference_update(over)
            self._refreshed_at = -math.inf

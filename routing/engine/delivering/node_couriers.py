"""The couriers of one node: threads that start when there is work and end when there is none."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from routing.engine.delivering.courier import Courier
from routing.engine.delivering.outgoing import Outgoing
from routing.engine.delivering.reports import Answered, Report, Returned, Unreachable
from routing.engine.nodes.target import Target
from routing.queue.claims import Deliverable

log = logging.getLogger("capacitor.deliver")

_FULL = 60.0
"""Seconds for which a node that took no further association is asked for none."""
_JUST_NOW = 1.0
"""Seconds in which a node may not have noticed yet that an association has ended."""
_BREATH = 0.1
"""Seconds until it is asked again."""


class NodeCouriers:
    """
    Used by the main thread; what the couriers have to tell goes through ``report``.

    Each node has its own, so a node that hangs holds up nobody but itself.
    """

    def __init__(
        self,
        target: Target,
        outgoing: Outgoing,
        journal: Callable[[int, int], None],
        report: Callable[[Report], None],
    ) -> None:
        self.target = target
        """As of now; a courier takes it up with its next item."""
        self._outgoing = outgoing
        self._journal = journal
        self._tell = report
        self._changed = threading.Condition()
        self._batches: deque[list[Deliverable]] = deque()
        self._threads: set[threading.Thread] = set()
        self._couriers: list[Courier] = []
        """Of these threads and of those that are about to end."""
        self._closed_at = -math.inf
        self._taken = 0
        """Associations that the node took at once when it took no more; of meaning until ``_full_until``."""
        self._full_until = -math.inf
        self._idle = 0
        self._sending = 0
        self._opening = 0
        self._open = True
        self._stopping = False
        self._trouble = False
        self._paused_until = -math.inf

    def room(self) -> int:
        """
        How many items may be given now.

        Each courier gets a batch, and one more lies ready.  A node that failed
        last time gets a single one, to see whether it is back.
        """
        with self._changed:
            most = 1 if self.target.failures_in_a_row else self._most() + 1
            full = len(self._batches) + self._sending >= most
            paused = time.monotonic() < self._paused_until
            shut = full or paused or self._trouble or self._stopping or not self._open
            return 0 if shut else self.target.batch_size

    def give(self, batch: list[Deliverable]) -> None:
        """Have a batch sent; every item comes back in one report."""
        with self._changed:
            self._batches.append(batch)
            most = 1 if self.target.failures_in_a_row else self._most()
            if len(self._batches) > self._idle and len(self._threads) < most:
                thread = threading.Thread(target=self._run, name=f"to {self.target.ae_title}", daemon=True)
                self._threads.add(thread)
                thread.start()
            else:
                # All: some may wait for something else.
                self._changed.notify_all()

    @property
    def busy(self) -> bool:
        """Items are in the hands of couriers."""
        with self._changed:
            return bool(self._batches or self._sending)

    def set_open(self, is_open: bool) -> None:
        """Open or close the gate; at a closed one couriers return what they have not begun."""
        self._open = is_open

    def pause(self, seconds: float) -> None:
        """Take nothing more for so long: the node is another worker's meanwhile."""
        self._paused_until = time.monotonic() + seconds

    def calm(self) -> None:
        """The trouble that a courier reported has been recorded; whether to go on stands there."""
        self._trouble = False

    def stop(self) -> None:
        """Let couriers finish the image in hand and return the others."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, until: float) -> bool:
        """Wait for the couriers to end, their associations included, until a monotonic moment; whether all did."""
        with self._changed:
            left = max(0.0, until - time.monotonic())
            return self._changed.wait_for(lambda: not self._threads and not self._couriers, left)

    def _run(self) -> None:
        courier = Courier(
            self._outgoing,
            self._journal,
            self._report,
            self._may_go_on,
            self._asking_for_association,
            self._is_full_of_ours,
        )
        with self._changed:
            self._couriers.append(courier)
        try:
            while (batch := self._next()) is not None:
                fine = False
                try:
                    fine = courier.send(lambda: self.target, batch)
                except Exception:
                    # The batch is reported all the same; the thread must not take the node with it.
                    log.exception("sending to node %s failed", self.target.ae_title)
                self._done(fine)
        finally:
            had_one = False
            try:
                had_one = courier.close()
            finally:
                with self._changed:
                    self._threads.discard(threading.current_thread())
                    self._couriers.remove(courier)
                    self._note_end(had_one)
                    self._changed.notify_all()

    def _next(self) -> list[Deliverable] | None:
        """
        The next batch; None when there was none for long enough, and then the thread counts no more.

        Nor does it keep an association for later while another courier asks for
        one: there are nodes that take one at a time.
        """
        with self._changed:
            if len(self._threads) > self._most():
                self._threads.discard(threading.current_thread())
                return None
            self._idle += 1
            self._changed.wait_for(
                lambda: self._batches or self._stopping or self._opening, self.target.settings.idle_association
            )
            self._idle -= 1
            if self._batches:
                self._sending += 1
                return self._batches.popleft()
            self._threads.discard(threading.current_thread())
            return None

    @contextlib.contextmanager
    def _asking_for_association(self, ended: bool) -> Iterator[None]:
        with self._changed:
            self._note_end(ended)
            self._opening += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._opening -= 1

    def _most(self) -> int:
        """Associations at once, as far as this node has so many."""
        full = time.monotonic() < self._full_until
        return min(self._taken, self.target.max_associations) if full else self.target.max_associations

    def _is_full_of_ours(self) -> bool:
        """
        Whether a node that takes no more associations for now has one of this router's own, or had it just now.

        Then it does well, and is sent to over those that it takes.
        """
        with self._changed:
            just_closed = time.monotonic() - self._closed_at < _JUST_NOW
            ours = sum(courier.has_association for courier in self._couriers)
            if not ours and not just_closed:
                return False
            self._taken = max(1, ours)
            self._full_until = time.monotonic() + _FULL
            log.info("node %s takes no further association for now: %d at once", self.target.ae_title, self._taken)
            self._changed.wait_for(lambda: self._stopping, _BREATH)
        return True

    def _note_end(self, ended: bool) -> None:
        """Of an association, which the node may not have noticed yet."""
        if ended:
            self._closed_at = time.monotonic()

    def _done(self, fine: bool) -> None:
        with self._changed:
            self._sending -= 1
            waiting = [] if fine else list(self._batches)
            if not fine:
                self._batches.clear()
        for batch in waiting:
            self._report(Returned(self.target, tuple(batch)))

    def _report(self, report: Report) -> None:
        if isinstance(report, Unreachable) or (isinstance(report, Answered) and report.result.status is None):
            # Before anybody can read the report: nothing more is claimed until it is recorded.
            self._trouble = True
        self._tell(report)

    def _may_go_on(self) -> bool:
        return self._open and not self._stopping

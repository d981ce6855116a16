"""Write the rows of what the listener has received, in small batches and in a process of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import Error as DatabaseProblem
from django.db import close_old_connections, connection

from routing.core.instance import ReceivedInstance
from routing.engine.directory import Directory
from routing.engine.pace import GATHER, Pace
from routing.engine.receiving.receive import AsItCame, enqueue
from routing.engine.receiving.row_pipe import Inbox
from routing.processes.application_log import first_line
from routing.spool.spool import Spool
from scripts_app.loader import ScriptCache

log = logging.getLogger("capacitor.receive")

_BATCH = 128


class RowWriter:
    """
    Writes rows behind the listener's back, so that no answer waits for the database.

    While the database is away the instances wait in the pipe and before it, and
    are tried again; what a kill takes from there the next start adopts from the files.
    """

    def __init__(
        self,
        inbox: Inbox,
        spool: Spool,
        directory: Directory,
        *,
        process_delay: timedelta,
        received: Callable[[bool], None],
        prepared: Callable[[bool], None],
    ) -> None:
        """
        ``received`` is called after items became New, ``prepared`` after they became ready as they came.

        They are told whether the stream has paused: no more come soon.
        """
        self._inbox, self._spool, self._directory = inbox, spool, directory
        self._process_delay = process_delay
        self._received, self._prepared = received, prepared
        self._scripts = ScriptCache()
        self._pace = Pace()
        self._paused = False

    def run(self) -> None:
        """Until no more come; what the database still refuses then is left for adoption."""
        try:
            while (batch := self._gather()) and self._write(batch):
                pass
        finally:
            connection.close()

    def _gather(self) -> list[ReceivedInstance]:
        """At least one instance and, when a batch was written just now, what comes after it; none at the end."""
        batch = self._inbox.take(_BATCH, wait=True)
        more = batch
        while more and len(batch) < _BATCH and (left := self._pace.left):
            # The end of a stream must not wait for a turn that is long because it was dense.
            time.sleep(min(left, GATHER))
            more = self._inbox.take(_BATCH - len(batch))
            batch = batch + more
        self._paused = not more and self._pace.left > 0
        self._pace.begin()
        self._pace.found(len(batch))
        return batch

    def _write(self, batch: list[ReceivedInstance]) -> bool:
        """Whether it came to the end; False when the database still refuses while the listener stops."""
        delay = 0.1
        while True:
            try:
                close_old_connections()
                ready = self._ready()
                enqueue(batch, self._spool, self._directory, actor="listener", ready=ready)
            except DatabaseProblem as error:
                text = first_line(error)
                log.error("database refuses %d received instances, which are safe in the spool: %s", len(batch), text)
                if self._inbox.closes_within(delay):
                    return False
                delay = min(delay * 2, 10)
            else:
                # Without scripts only what is sent to the router itself is left to prepare: it fails, and may wait.
                (self._prepared if ready else self._received)(self._paused)
                return True

    def _ready(self) -> AsItCame | None:
        """Without active scripts the preparing process has nothing to do with an image."""
        scripts = self._scripts.get()
        return None if scripts.entries else AsItCame(scripts.version, self._process_delay)

"""The listener's end of its row writer: a process beside it, and the pipe that leads there."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

from django.db import connections

from routing.core.instance import ReceivedInstance
from routing.engine.receiving.row_pipe import Inbox, line_of

log = logging.getLogger("capacitor.receive")

_PIPE_BYTES = 1 << 20
"""As much as Linux grants without privileges: some 1,500 instances."""


class RowProcess:
    """
    A process that writes rows as long as this one lives; what it is given is never waited for.

    Threads would have to share one interpreter with those that receive: each
    association waited for rows of others, and a single sender got a third less through.
    """

    def __init__(self, pid: int, descriptor: int) -> None:
        self._pid, self._descriptor = pid, descriptor
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._stopping = False

    @classmethod
    def start(cls, write: Callable[[Inbox], None]) -> Self:
        """Fork while there are no threads yet, and ``write`` there until the inbox is closed."""
        reader, writer = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        # A connection that both sides hold would be used by both.
        connections.close_all()
        sys.stdout.flush()
        sys.stderr.flush()
        # Its end is that of the pipe, after the last image of the listener; a signal to the whole group is not for it.
        not_for_it = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, not_for_it)
        pid = os.fork()
        if not pid:
            for number in not_for_it:
                signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, not_for_it)
        if pid:
            os.close(reader)
            os.set_blocking(writer, False)
            return cls(pid, writer)
        os.close(writer)
        code = 1
        try:
            write(Inbox(reader))
            code = 0
        except BaseException:
            log.exception("the row writer ends by an unexpected error")
        finally:
            logging.shutdown()
            # Not sys.exit: nothing of the listener's may be run to its end here.
            os._exit(code)

    def watch(self, ended: Callable[[], None]) -> None:
        """Call ``ended``, in a thread, as soon as the process has ended by itself."""

        def wait() -> None:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
            if not self._stopping:
                ended()

        threading.Thread(target=wait, name="row-process-watch", daemon=True).start()

    def add(self, instance: ReceivedInstance) -> None:
        """Take a durable instance; returns at once.  BrokenPipeError when there is no process any more."""
        line = line_of(instance)
        with self._lock:
            self._unsent += line
            self._push()

    def push(self) -> None:
        """Hand on what a full pipe has left here; to be called now and then."""
        with self._lock:
            self._push()

    def _push(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: os.write(self._descriptor, self._unsent)]

    def stop(self, seconds: float) -> None:
        """Have the rows of what is here written, then end it; what is left after so long is for adoption."""
        until = time.monotonic() + seconds
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        with contextlib.suppress(BrokenPipeError):
            while self._unsent and room.poll(_milliseconds(until)):
                self.push()
        self._stopping = True
        os.close(self._descriptor)
        with os.fdopen(os.pidfd_open(self._pid), "rb", buffering=0) as process:
            ended = select.poll()
            ended.register(process, select.POLLIN)
            if not ended.poll(_milliseconds(until)):
                log.warning("the row writer did not end in %g s and is killed", seconds)
                os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _milliseconds(until: float) -> float:
    return max(0.0, until - time.monotonic()) * 1000

"""Told to stop by a signal: what a handler may set whatever it interrupts."""

import os
import select


class StopFlag:
    """
    As threading.Event, which a handler must not set: the code that it interrupts may hold the event's lock.

    Two signals in a row (the service manager's, and the watchdog's) are enough for that.
    """

    def __init__(self) -> None:
        self._set = False
        # Never read: once written, everyone who waits for it goes on, now and later.
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def __del__(self) -> None:
        os.close(self._descriptor)

    def set(self) -> None:
        """May be called by a signal handler, again and again."""
        if not self._set:
            self._set = True
            os.eventfd_write(self._descriptor, 1)

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, at most so long; whether it is."""
        if not self._set:
            # Where it is set from here on, the descriptor is readable: nothing is missed.
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            poll.poll(max(0.0, seconds) * 1000)
        return self._set

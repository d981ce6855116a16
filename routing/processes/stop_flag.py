"""Told to stop by a signal: what a handler may set whatever it interrupts."""

import contextlib
import os
import select
import signal


class StopFlag:
    """
    As threading.Event, which a handler must not set: the code that it interrupts may hold the event's lock.

    Two signals in a row (the service manager's, and the watchdog's) are enough for that.
    """

    def __init__(self) -> None:
        self._set = False
        # A byte in it ends all waits; when the flag is set one stays in it, so that nobody waits later.
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def hear_signals(self) -> None:
        """
        End the waits of the main thread at every signal that has a handler, until ``hear_no_more``.

        The kernel may give a signal to another thread, one that runs just then, while Python runs the
        handler in the main thread alone: when it wakes up.  To be called by the main thread.
        """
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def hear_no_more(self) -> None:
        signal.set_wakeup_fd(-1)

    def set(self) -> None:
        """May be called by a signal handler, again and again."""
        if not self._set:
            self._set = True
            # It may be full of signals: then it ends all waits as well.
            with contextlib.suppress(BlockingIOError):
                os.write(self._writer, b"!")

    def is_set(self) -> bool:
        return self._set

    def fileno(self) -> int:
        """Readable once it is set, and after a signal, which ``wait`` forgets."""
        return self._reader

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, at most so long; whether it is.  Any signal that is heard ends the wait."""
        if not self._set:
            # Where it is set from here on, there is a byte to be read: nothing is missed.
            poll = select.poll()
            poll.register(self._reader, select.POLLIN)
            if poll.poll(max(0.0, seconds) * 1000):
                self._forget_signals()
        return self._set

    def _forget_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)
            if self._set:
                # By the handler of what was just read: its byte may have been among those.
                os.write(self._writer, b"!")

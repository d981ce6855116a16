"""A log file that turns at a size, and into which several processes of one role write."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
from logging.handlers import RotatingFileHandler


class SharedLogFile(RotatingFileHandler):
    """
    Turned by one of the processes; the others go on in the new file.

    By themselves they would write on into the file that they have open, turn
    once more each, and so push the others' files, and then their own, out of
    the row of those that are kept.
    """

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:
        """
        Say once that the file cannot be written; the line itself has gone to standard error.

        The library's traceback of a hundred lines with each, on a disk that is full, goes where the journal
        is, and quotes the words of errors, which may be a patient's.
        """
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{self.baseFilename} cannot be written: {error.strerror}\n")

    def flush(self) -> None:
        super().flush()
        self._told = False

    def shouldRollover(self, record: logging.LogRecord) -> int:
        self._follow()
        return super().shouldRollover(record)

    def doRollover(self) -> None:
        if not self.stream:
            return
        # A second descriptor of the open file: its lock holds while the first one is closed for the turn.
        held = os.dup(self.stream.fileno())
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not self._follow():
                super().doRollover()
        finally:
            os.close(held)

    def _follow(self) -> bool:
        """Open the file of this name where it is another than the one that is open; answer whether it was."""
        if not self.stream:
            return False
        # Closed is one whose turn failed, on a full disk.
        if not self.stream.closed:
            try:
                if os.path.samestat(os.stat(self.baseFilename), os.fstat(self.stream.fileno())):
                    return False
            except FileNotFoundError:
                pass  # turned this very moment, or taken away
            with contextlib.suppress(OSError):
                self.stream.close()
        self.stream = self._open()
        return True

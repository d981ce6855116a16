"""Whether an image that comes can be stored."""

import logging
import time

from routing.spool.spool import Spool

log = logging.getLogger("capacitor.listener")

_LOOK_AT_DISK = 1.0
"""Seconds for which one look at the free space counts."""
_GONE = "is gone (is its file system mounted?)"


class Room:
    """Whether the spool may take another image; a look at the file system counts for a second."""

    def __init__(self, spool: Spool, least_free: int) -> None:
        self._spool, self._least_free = spool, least_free
        self._looked_at = float("-inf")
        self._lack = ""

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._looked_at > _LOOK_AT_DISK:
            lack = self._look()
            if lack != self._lack:
                if lack:
                    log.error("spool %s: images are refused with 0xA700", lack)
                else:
                    log.warning("spool %s again: images are taken", "is here" if self._lack == _GONE else "has room")
            self._lack, self._looked_at = lack, now
        return not self._lack

    def _look(self) -> str:
        """What keeps an image from being stored; empty when nothing does."""
        try:
            if self._spool.gone:
                return _GONE
            inodes = self._spool.free_inodes()
            enough = self._spool.free_bytes() >= self._least_free and (inodes is None or inodes > 1000)
        except OSError:
            # Its folder is not there, or its file system does not answer any more.
            return _GONE
        return "" if enough else "has no room"

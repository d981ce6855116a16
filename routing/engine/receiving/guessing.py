"""Who tries AE titles until one fits: after some wrong ones an address gets no more answers for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

Pair = tuple[str, str]
"""Calling and called AE title."""

MOST_WRONG = 20
"""Different pairs of titles that one address may get wrong; a modality that repeats one mistake is not meant."""
WITHIN = 600.0
"""Seconds in which they count, and for which such an address is put off."""
_MOST_ADDRESSES = 10_000


class Guesses:
    """
    What each address got wrong lately, in this process.

    An address that is put off learns nothing: right and wrong titles are
    answered alike.  Only pairs that were accepted from it before still are, so
    that a guesser beside a modality, behind the same address, does not keep the
    modality out.  Other addresses are not concerned.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: dict[str, dict[Pair, float]] = {}
        self._put_off: dict[str, float] = {}
        self._accepted: dict[tuple[str, Pair], None] = {}

    def puts_off(self, address: str, pair: Pair) -> bool:
        """Whether this request gets no true answer."""
        with self._lock:
            until = self._put_off.get(address)
            if until is None or (address, pair) in self._accepted:
                return False
            if self._clock() < until:
                return True
            del self._put_off[address]
            return False

    def accepted(self, address: str, pair: Pair) -> None:
        with self._lock:
            self._accepted[address, pair] = None
            _shorten(self._accepted)

    def refused(self, address: str, pair: Pair) -> bool:
        """Take note of wrong titles; True when the address is put off from now on."""
        now = self._clock()
        with self._lock:
            wrong = self._wrong.pop(address, {})
            wrong[pair] = now
            recent = {pair: at for pair, at in wrong.items() if at > now - WITHIN}
            if len(recent) < MOST_WRONG:
                # Behind the others: the address that was quiet longest is forgotten first.
                self._wrong[address] = recent
                _shorten(self._wrong)
                return False
            self._put_off[address] = now + WITHIN
            _shorten(self._put_off)
            return True


def _shorten(kept: dict) -> None:  # type: ignore[type-arg]
    while len(kept) > _MOST_ADDRESSES:
        del kept[next(iter(kept))]

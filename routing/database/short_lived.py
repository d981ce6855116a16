"""Answers that many people ask for at once: found out once, shared for a moment, dearer ones for longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

_SHARE = 0.05
"""Part of the time that may be spent on one question, however often it is asked."""
LONGEST = 30.0

_all: list[ShortLived] = []  # type: ignore[type-arg]


@dataclass(frozen=True, slots=True)
class _Known(Generic[Answer]):
    answer: Answer
    until: float
    change: object
    """The last one before it was asked for."""


class ShortLived(Generic[Answer]):
    """
    The answer of ``ask``, at most ``seconds`` old, or twenty times what it took to find out (``longest`` at most).

    Shared by all threads of a process; while one thread asks, the others wait
    for it rather than ask the database the same.  What a person has just
    changed is there at once after ``forget()``.
    """

    def __init__(self, ask: Callable[[], Answer], seconds: float = 1.0, longest: float = LONGEST) -> None:
        """``longest`` is for what is put together from answers that are short-lived themselves."""
        self._ask, self._least, self._longest = ask, seconds, longest
        self._lock = threading.Lock()
        self._known: _Known[Answer] | None = None
        self._change = object()
        """Another one since each ``forget``."""
        _all.append(self)

    def __call__(self) -> Answer:
        known = self._known
        if known is not None and self._holds(known):
            return known.answer
        with self._lock:
            known = self._known
            if known is not None and self._holds(known):
                return known.answer
            change, began = self._change, time.monotonic()
            answer = self._ask()
            now = time.monotonic()
            until = now + min(max(self._least, (now - began) / _SHARE), self._longest)
            self._known = _Known(answer, until, change)
            return answer

    def _holds(self, known: _Known[Answer]) -> bool:
        return known.change is self._change and time.monotonic() < known.until

    def forget(self) -> None:
        """Ask again next time; what somebody is finding out at this moment may be of before the change."""
        self._change = object()


def forget_all() -> None:
    """Ask everything again: somebody has changed something and wants to see it."""
    for answer in _all:
        answer.forget()

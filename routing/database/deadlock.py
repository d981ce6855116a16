"""Transactions that waited for each other: PostgreSQL ends one of them, of which nothing has happened then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

T = TypeVar("T")

_TRIES = 5
_DEADLOCK = "40P01"


def despite_deadlocks(step: Callable[[], T]) -> T:
    """
    Do a step, a transaction of its own, again as often as it was the one that was ended.

    Within somebody else's transaction it is done once: all of that has ended with it.
    """
    tries = 1 if connection.in_atomic_block else _TRIES
    while True:
        tries -= 1
        try:
            return step()
        except OperationalError as error:
            if not tries or not was_deadlock(error):
                raise


def was_deadlock(error: Exception) -> bool:
    """Whether it says that its transaction was the one that was ended."""
    return getattr(error.__cause__, "sqlstate", None) == _DEADLOCK

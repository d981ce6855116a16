"""Whether an error says that the database cannot be used now, whatever it is asked: away, or refusing for a while."""

from __future__ import annotations

from django.db import InterfaceError, InternalError, OperationalError

_REFUSES_FOR_NOW = {"25006", "25P03"}
"""
PostgreSQL's states of errors that are no fault of the question: read-only, ended for having been idle.

A server is read-only while it stands by for another one; many that are hired out are so when their disk is full.
"""


def is_away(error: BaseException | None) -> bool:
    """Whether the same may be done later."""
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) in _REFUSES_FOR_NOW
    return isinstance(error, OperationalError | InterfaceError)

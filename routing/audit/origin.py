"""Who is at work here, and from where: known to all that is called on behalf of one request or one command."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    address: str
    """Network address of the person's browser, or "command line"."""
    who: Callable[[], str]
    """The user name; found out when it is needed, for most requests need none."""


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
set_origin = _origin.set
reset_origin = _origin.reset


def origin() -> Origin | None:
    """None in the engine's processes, which act on their own."""
    return _origin.get()


def at_command_line() -> None:
    """What follows is done by whoever started this command."""
    set_origin(Origin("command line", _system_user))


def _system_user() -> str:
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):
        # A user of a container need not have a name.
        return "command line"

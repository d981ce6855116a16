"""When a session ends: some time after the last deed of the person, and at the latest after a working day."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from django.conf import settings

LONGEST = 12 * 3600
"""Seconds from log-in to the end, whatever the person does."""
_BEGUN, _ACTIVE = "begun_at", "active_at"
_WRITTEN_EVERY = 30
"""Seconds of progress that are worth a write to the database."""


def begin(session: MutableMapping[str, Any]) -> None:
    """Somebody has logged in."""
    session[_BEGUN] = session[_ACTIVE] = int(time.time())


def is_over(session: MutableMapping[str, Any]) -> str:
    """Why the session has to end, or nothing."""
    now = time.time()
    idle = settings.CAPACITOR.idle_seconds
    if idle and now - session.get(_ACTIVE, now) > idle:
        return f"no activity for {idle} s"
    if now - session.get(_BEGUN, now) > LONGEST:
        return f"older than {LONGEST // 3600} h"
    return ""


def renew(session: MutableMapping[str, Any], idle: float) -> None:
    """Note that the person did something ``idle`` seconds ago; what a page does by itself is no activity."""
    active = int(time.time() - max(idle, 0))
    if _BEGUN not in session:
        begin(session)
    elif active > session.get(_ACTIVE, 0) + _WRITTEN_EVERY:
        session[_ACTIVE] = active

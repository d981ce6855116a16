"""Notice that another process changed the database, and say so to every page that is open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection, models

from routing.models import ApplicationLogLine, AuditRecord, HistoryEntry, ItemLogLine, NodeStatus, QueueItem

GROUP = "live"
TICK_EVERY = 1.0
"""Seconds between two ticks at least; what happens meanwhile is told by the next one, never forgotten."""
TOLD_AGAIN_AFTER = (1.2, 5.0)
"""
Seconds after the last change at which a page is told of it again.

Answers that pages share live for a moment (routing/database/short_lived.py): what a page got
for the first tick may have been found out just before the change.
"""
LOOK_EVERY = {"sqlite": 0.1, "other": 1.0}
"""Seconds between two looks; SQLite's costs microseconds, another database is asked by queries."""

_CANNOT_LOOK = "Live pages: cannot look for changes; trying again"
logger = logging.getLogger("capacitor.live")
Fingerprint = Callable[[], Awaitable[Any]]


@contextlib.contextmanager
def sqlite_fingerprint(database: Path | str) -> Iterator[Fingerprint]:
    """
    Yield a look at a number that changes with every commit of any other connection.

    The connection never writes: a connection's own commits do not change its ``data_version``.
    """
    watching = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=0)

    async def look() -> Any:
        try:
            return watching.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.OperationalError:
            # Locked for a moment by recovery: the next look comes soon.
            return None

    try:
        yield look
    finally:
        watching.close()


async def newest_rows() -> Any:
    """The newest ids and moments of all that pages show; for databases without a version number."""
    return await database_sync_to_async(_newest_rows)()


def _newest_rows() -> Any:
    tables = (HistoryEntry, QueueItem, ItemLogLine, ApplicationLogLine, AuditRecord)
    ids = [table._default_manager.aggregate(newest=models.Max("pk"))["newest"] for table in tables]
    moments = NodeStatus.objects.aggregate(
        success=models.Max("last_success_at"), failure=models.Max("last_failure_at"), echo=models.Max("last_echo_at")
    )
    return ids, moments


@contextlib.contextmanager
def fingerprint() -> Iterator[tuple[Fingerprint, float]]:
    """How to look at the configured database, and how often."""
    name = settings.DATABASES["default"]["NAME"]
    if connection.vendor == "sqlite" and Path(name).is_file():
        with sqlite_fingerprint(name) as look:
            yield look, LOOK_EVERY["sqlite"]
    else:
        yield newest_rows, LOOK_EVERY["other"]


class Watcher:
    """One for each web process; looks only while somebody is connected."""

    def __init__(self) -> None:
        self._visitors = 0
        self._task: asyncio.Task[None] | None = None

    def enter(self) -> None:
        """Somebody connected."""
        self._visitors += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())

    def leave(self) -> None:
        """Somebody left; the last one turns off the light."""
        self._visitors -= 1
        if self._visitors == 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        with fingerprint() as (look, pause):
            await self._compare(look, pause)

    async def _compare(self, look: Fingerprint, pause: float) -> None:
        seen = await _first(look)
        clock = asyncio.get_running_loop().time
        again: list[float] = []
        while True:
            await asyncio.sleep(pause)
            try:
                now = await look()
                if now is not None and now != seen:
                    seen = now
                    again = [clock() + after for after in TOLD_AGAIN_AFTER]
                elif again and clock() >= again[0]:
                    del again[0]
                else:
                    continue
                await get_channel_layer().group_send(GROUP, {"type": "changed"})
            except Exception:
                # A database or Redis that is away must not end the live pages for good.
                logger.exception(_CANNOT_LOOK)
            await asyncio.sleep(TICK_EVERY)


async def _first(look: Fingerprint) -> Any:
    """None when it fails: then the next one differs from it, and pages look for themselves what has changed."""
    try:
        return await look()
    except Exception:
        logger.exception(_CANNOT_LOOK)
        return None


watcher = Watcher()

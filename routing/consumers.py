"""While a page is open: tell it that something changed.  What changed, the page fetches itself."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import DatabaseError

from routing.live import GROUP, watcher
from routing.people.session_age import is_over
from routing.processes.application_log import first_line

logger = logging.getLogger("capacitor.live")

NOT_LOGGED_IN = 4401
"""Close code of our own (RFC 6455 7.4.2), after the HTTP status."""
OTHER_RIGHTS = 4403
"""The person's rights have changed; the page may connect again with those it has now."""
TOO_MANY = 4429
MOST_SOCKETS = 50
"""Open pages of one person in one web process; each costs memory, and a look at the database now and then."""
LOOK_EVERY = 30.0
"""Seconds between two looks whether the person may still listen."""


_open: Counter[int] = Counter()
"""Sockets of this process by person."""


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Carries no data, so that rights, filters and paging stay with the views."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        except Exception as error:
            if not type(error).__module__.startswith("redis."):
                raise
            # The page tries again, and says meanwhile that it is not live.
            logger.error("live pages: the server of REDIS_URL cannot be used: %s", first_line(error))
            await send({"type": "websocket.close"})

    async def connect(self) -> None:
        self.entered = False
        self.guard: asyncio.Task[None] | None = None
        if not self.scope["user"].is_authenticated:
            await self.close(NOT_LOGGED_IN)
            return
        person = self.scope["user"].pk
        if _open[person] >= MOST_SOCKETS:
            await self.close(TOO_MANY)
            return
        rights = await _rights(self.scope["user"]) if "session" in self.scope else frozenset()
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()
        watcher.enter()
        self.entered = True
        _open[person] += 1
        if "session" in self.scope:
            self.guard = asyncio.get_running_loop().create_task(self._look_after(rights))

    async def disconnect(self, code: int) -> None:
        if self.guard is not None:
            self.guard.cancel()
        if self.entered:
            self.entered = False
            _open[self.scope["user"].pk] -= 1
            watcher.leave()
            await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected of a browser."""

    async def changed(self, event: dict[str, Any]) -> None:
        """A tick from the watcher."""
        await self.send(text_data="changed")

    async def _look_after(self, rights: frozenset[str]) -> None:
        """Close when the session has ended (log-out, new password, age, deactivation), or the rights are others."""
        key = self.scope["session"].session_key
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                user = await _listener(key)
                now = await _rights(user)
            except DatabaseError:
                # Who may listen is not known for the moment; nothing is told meanwhile either.
                continue
            if not user.is_authenticated or now != rights:
                await self.close(OTHER_RIGHTS if user.is_authenticated else NOT_LOGGED_IN)
                return


async def _listener(session_key: str) -> User | AnonymousUser:
    """Whose session this is now; nobody's when it has ended."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    if await database_sync_to_async(is_over)(store):
        return AnonymousUser()
    user: User | AnonymousUser = await get_user({"session": store})
    return user


@database_sync_to_async  # type: ignore[untyped-decorator]
def _rights(user: User | AnonymousUser) -> frozenset[str]:
    return frozenset(user.get_all_permissions())

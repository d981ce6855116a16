"""While a page is open: tell it that something changed.  What changed, the page fetches itself."""

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer

from routing.live import GROUP, watcher

NOT_LOGGED_IN = 4401
"""Close code of our own (RFC 6455 7.4.2), after the HTTP status."""


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Carries no data, so that rights, filters and paging stay with the views."""

    async def connect(self) -> None:
        self.entered = False
        if not self.scope["user"].is_authenticated:
            await self.close(NOT_LOGGED_IN)
            return
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()
        watcher.enter()
        self.entered = True

    async def disconnect(self, code: int) -> None:
        if self.entered:
            self.entered = False
            watcher.leave()
            await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected of a browser."""

    async def changed(self, event: dict[str, Any]) -> None:
        """A tick from the watcher."""
        await self.send(text_data="changed")

"""Sockets are opened by pages of this very site only, whatever ALLOWED_HOSTS says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host

Application = Callable[[dict[str, Any], Any, Any], Awaitable[Any]]
_PORTS = {"http": 80, "https": 443}


class SameOrigin:
    """
    Refuses a handshake whose ``Origin`` is missing, ``null`` or another than the address that was asked.

    Browsers send cookies along with every handshake, and ALLOWED_HOSTS knows
    neither scheme nor port: another program on the same host would pass it,
    and with ``*`` everybody would.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        application = self._application if is_own(dict(scope.get("headers", ()))) else WebsocketDenier()
        return await application(scope, receive, send)


def is_own(headers: dict[bytes, bytes]) -> bool:
    """Whether these headers are those of a page of this site."""
    origin, host = (headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        said = urlsplit(origin)
        place = said.hostname, said.port or _PORTS[said.scheme]
        asked = urlsplit(f"//{host}")
        port = asked.port or _PORTS[said.scheme]
    except (ValueError, KeyError):
        return False
    if said.scheme != ("https" if settings.CAPACITOR.https else "http"):
        return False
    name = asked.hostname or ""
    known = validate_host(f"[{name}]" if ":" in name else name, settings.ALLOWED_HOSTS)
    return known and place == (name, port)

"""HTTP and WebSocket entry point, served by daphne."""

import os
from typing import Any

import django
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.urls import path

from capacitor_web.handler import OneThreadHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "capacitor_web.settings")
# Each request runs in a thread of its own: a connection kept for the next one would only be left lying open.
settings.DATABASES["default"]["CONN_MAX_AGE"] = 0
# The apps must be loaded before anything below imports a model.
django.setup(set_prefix=False)
pages = OneThreadHandler()

from capacitor_web.body_limit import limit_bodies  # noqa: E402
from capacitor_web.same_origin import SameOrigin  # noqa: E402
from routing.consumers import LiveConsumer  # noqa: E402


async def site(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The pages, at the top of their host: daphne lets any visitor name another place for them (Daphne-Root-Path)."""
    await pages({**scope, "root_path": ""}, receive, send)


limit_bodies()
application = ProtocolTypeRouter(
    {
        "http": site,
        # A page of another site must not open the socket with this site's cookie.
        "websocket": SameOrigin(AuthMiddlewareStack(URLRouter([path("ws/live/", LiveConsumer.as_asgi())]))),
    }
)

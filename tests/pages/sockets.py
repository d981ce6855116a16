"""The live socket as a browser opens it, in front of the whole site."""

from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from capacitor_web.asgi import application

ORIGIN = "http://localhost"


def socket(client: Client | None = None, origin: str | None = ORIGIN, host: str = "localhost") -> WebsocketCommunicator:
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if client and settings.SESSION_COOKIE_NAME in client.cookies:
        cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
        headers.append((b"cookie", cookie.encode()))
    return WebsocketCommunicator(application, "/ws/live/", headers)

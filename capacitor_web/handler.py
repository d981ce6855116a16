"""Answers each request in one thread, from the first middleware to the last."""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneThreadHandler(ASGIHandler):
    """
    Runs views and middlewares as under WSGI; only the network is asynchronous.

    Django's own handler goes back to the event loop for the view when a
    middleware is not asynchronous, while the middleware's thread waits.  When
    the process is told to end, that loop ends first, and the thread, and with
    it the process, waits for ever.  Asynchronous views cannot be served.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        answer: HttpResponseBase = await sync_to_async(self.get_response, thread_sensitive=True)(request)
        return answer

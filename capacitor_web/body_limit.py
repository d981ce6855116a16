"""
Refuse request bodies that nobody needs, while they stream in.

daphne keeps a body whole, on disk where it is large, before any page hears of
the request; a page, or an upload handler of Django, would come too late.
"""

from __future__ import annotations

from typing import Any

from daphne.http_protocol import WebRequest

MOST_BYTES = 101 << 20
"""The largest upload that a page takes (100 MiB), and what a form needs around it."""
MOST_AT_ONCE = 4 * MOST_BYTES
"""Of all bodies that are coming in at one moment: whoever is not logged in can begin as many as there are ports."""
SMALL = 1 << 20
"""A body up to this is never refused for others."""
_REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_got_length = WebRequest.gotLength
_handle_content_chunk = WebRequest.handleContentChunk
_connection_lost = WebRequest.connectionLost
_finish = WebRequest.finish
_coming_in: dict[int, int] = {}
"""Bytes of each large body that this process holds, by its request."""


def limit_bodies() -> None:
    """For every request that this process serves from now on."""
    WebRequest.gotLength = got_length
    WebRequest.handleContentChunk = handle_content_chunk
    WebRequest.connectionLost = connection_lost
    WebRequest.finish = finish


def got_length(request: Any, length: int | None) -> None:
    """The headers are there; ``length`` is what they say, None when the body comes in chunks."""
    request.body_bytes = 0
    too_many = length is not None and length > SMALL and sum(_coming_in.values()) + length > MOST_AT_ONCE
    if length is not None and (length > MOST_BYTES or too_many):
        # Nothing of it is kept: what still comes in goes to the place of an empty body.
        _got_length(request, 0)
        _refuse(request)
        return
    _got_length(request, length)


def handle_content_chunk(request: Any, data: bytes) -> None:
    if request.body_bytes > MOST_BYTES:
        return
    request.body_bytes += len(data)
    held = sum(_coming_in.values()) - _coming_in.get(id(request), 0)
    if request.body_bytes > MOST_BYTES or (request.body_bytes > SMALL and held + request.body_bytes > MOST_AT_ONCE):
        _refuse(request)
        return
    if request.body_bytes > SMALL:
        _coming_in[id(request)] = request.body_bytes
    _handle_content_chunk(request, data)


def connection_lost(request: Any, reason: Any) -> None:
    _coming_in.pop(id(request), None)
    _connection_lost(request, reason)


def finish(request: Any) -> None:
    _coming_in.pop(id(request), None)
    _finish(request)


def _refuse(request: Any) -> None:
    request.body_bytes = MOST_BYTES + 1
    _coming_in.pop(id(request), None)
    request.channel.transport.write(_REFUSAL)
    request.channel.loseConnection()

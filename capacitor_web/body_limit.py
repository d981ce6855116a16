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
_REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

_got_length = WebRequest.gotLength
_handle_content_chunk = WebRequest.handleContentChunk


def limit_bodies() -> None:
    """For every request that this process serves from now on."""
    WebRequest.gotLength = got_length
    WebRequest.handleContentChunk = handle_content_chunk


def got_length(request: Any, length: int | None) -> None:
    """The headers are there; ``length`` is what they say, None when the body comes in chunks."""
    request.body_bytes = 0
    if length is not None and length > MOST_BYTES:
        # Nothing of it is kept: what still comes in goes to the place of an empty body.
        _got_length(request, 0)
        _refuse(request)
        return
    _got_length(request, length)


def handle_content_chunk(request: Any, data: bytes) -> None:
    request.body_bytes += len(data)
    if request.body_bytes <= MOST_BYTES:
        _handle_content_chunk(request, data)
    elif request.body_bytes - len(data) <= MOST_BYTES:
        _refuse(request)


def _refuse(request: Any) -> None:
    request.body_bytes = MOST_BYTES + 1
    request.channel.transport.write(_REFUSAL)
    request.channel.loseConnection()

"""A request body that is too large is refused before it has come in, whatever page it is for."""

from types import SimpleNamespace

import pytest
from daphne.http_protocol import WebRequest
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.web import http

from capacitor_web import body_limit


def limited(monkeypatch):
    for name in ("gotLength", "handleContentChunk", "connectionLost", "finish"):
        monkeypatch.setattr(WebRequest, name, getattr(WebRequest, name))
    for name, value in (("MOST_BYTES", 1000), ("MOST_AT_ONCE", 3000), ("SMALL", 10), ("_coming_in", {})):
        monkeypatch.setattr(body_limit, name, value)
    body_limit.limit_bodies()


def open_connection():
    channel = http.HTTPChannel()
    channel.requestFactory = WebRequest
    server = SimpleNamespace(protocol_connected=lambda request: None, protocol_disconnected=lambda request: None)
    channel.factory = SimpleNamespace(server=server)
    transport = StringTransportWithDisconnection()
    transport.protocol = channel
    channel.makeConnection(transport)
    return channel, transport


@pytest.fixture
def connection(monkeypatch):
    """A browser's connection to daphne, with what came of it: ``processed`` are bodies that a page would get."""
    limited(monkeypatch)
    processed = []

    def process(request):
        request.content.seek(0)
        processed.append(request.content.read())

    monkeypatch.setattr(WebRequest, "process", process)
    channel, transport = open_connection()
    yield SimpleNamespace(send=channel.dataReceived, said=transport.value, transport=transport, processed=processed)
    # Its timer for silent connections must not outlive the test.
    channel.setTimeout(None)


def head(*headers):
    return "\r\n".join(("POST /scripts/sample/ HTTP/1.1", "Host: router", *headers, "", "")).encode()


@pytest.mark.fault(117, "a body that says how large it is")
def test_a_body_that_says_it_is_too_large_is_refused_unread(connection):
    connection.send(head("Content-Length: 1001"))
    assert connection.said().startswith(b"HTTP/1.1 413 ")
    assert not connection.transport.connected
    connection.send(b"x" * 500)
    assert connection.processed == []


@pytest.mark.fault(117, "a body in chunks without end")
def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_too_large(connection):
    connection.send(head("Transfer-Encoding: chunked"))
    connection.send(b"258\r\n" + b"x" * 600 + b"\r\n")
    assert connection.said() == b""
    connection.send(b"258\r\n" + b"x" * 600 + b"\r\n")
    assert connection.said().count(b"HTTP/1.1 413 ") == 1
    connection.send(b"258\r\n" + b"x" * 600 + b"\r\n")
    assert connection.said().count(b"HTTP/1.1 413 ") == 1
    assert connection.processed == []


def test_a_body_that_fits_reaches_the_page_whole(connection):
    connection.send(head("Content-Length: 1000"))
    connection.send(b"a" * 600)
    connection.send(b"b" * 400)
    assert connection.processed == [b"a" * 600 + b"b" * 400]
    assert connection.said() == b""


@pytest.mark.fault(117, "many bodies at once")
def test_many_bodies_at_once_do_not_fill_the_disk_and_small_ones_get_through(monkeypatch, seen):
    limited(monkeypatch)
    monkeypatch.setattr(WebRequest, "process", lambda request: None)
    begun = [open_connection() for _ in range(10)]
    for channel, _ in begun:
        channel.dataReceived(head("Transfer-Encoding: chunked"))
        channel.dataReceived(b"320\r\n" + b"x" * 800 + b"\r\n")
    refused = [transport.value().startswith(b"HTTP/1.1 413 ") for _, transport in begun]
    assert refused == [False] * 3 + [True] * 7
    small, transport = open_connection()
    small.dataReceived(head("Content-Length: 9") + b"x" * 9)
    assert transport.value() == b""
    # Who leaves makes room.
    for _, transport in begun[:3]:
        transport.loseConnection()
    assert body_limit._coming_in == {}
    for channel, _ in [*begun, (small, None)]:
        channel.setTimeout(None)
    seen("3 of 10 bodies taken at once, the others get 413; a small one gets through")


def test_a_request_without_a_body_is_no_matter(connection):
    connection.send(b"GET / HTTP/1.1\r\nHost: router\r\n\r\n")
    assert connection.processed == [b""]


def test_the_site_itself_keeps_the_limit():
    from capacitor_web import asgi

    assert asgi.application
    assert WebRequest.gotLength is body_limit.got_length
    assert WebRequest.handleContentChunk is body_limit.handle_content_chunk

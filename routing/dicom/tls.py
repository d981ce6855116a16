"""The TLS handshake of either side, with one deadline for all of it."""

import select
import socket
import ssl
import time


class TlsFailed(Exception):
    """The handshake failed; the text says why in words for an operator."""


def handshake(
    connection: socket.socket, context: ssl.SSLContext, seconds: float, server_hostname: str | None = None
) -> ssl.SSLSocket:
    """
    Put TLS over a connection, as requestor when ``server_hostname`` is given, else as acceptor.

    A peer that sends a byte now and then does not get more time.  The given
    socket is closed when this fails.
    """
    until = time.monotonic() + seconds
    connection.setblocking(False)
    try:
        secured = context.wrap_socket(
            connection,
            server_side=server_hostname is None,
            server_hostname=server_hostname or None,
            do_handshake_on_connect=False,
        )
    except (OSError, ValueError) as error:
        connection.close()
        raise TlsFailed(str(error)) from None
    poll = select.poll()
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            poll.register(secured, select.POLLIN)
        except ssl.SSLWantWriteError:
            poll.register(secured, select.POLLOUT)
        except (OSError, ValueError) as error:
            secured.close()
            raise TlsFailed(_in_words(error)) from None
        else:
            return secured
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            secured.close()
            raise TlsFailed(f"no TLS handshake within {seconds:g} s")


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate does not hold: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS handshake failed: {error.reason or error}"
    return f"TLS handshake failed: {error}"

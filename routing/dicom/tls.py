"""TLS on either side: certificates from files, and the handshake with one deadline for all of it."""

import os
import select
import socket
import ssl
import time

_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED."""
_NOT_TRUSTED = frozenset({7, 18, 19, 20, 21})
"""
Chains that end at no trusted CA, or only at one of the same name.

X509_V_ERR_ CERT_SIGNATURE_FAILURE, DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN,
UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNABLE_TO_VERIFY_LEAF_SIGNATURE.
"""


class TlsFailed(Exception):
    """The handshake failed; the text says why in words for an operator."""


class WrongTlsFiles(Exception):
    """The TLS files of a node, or of the listener, can't be used; the text names whose they are, and the file."""


class NeedsPassPhrase(ssl.SSLError):
    """The key of a certificate is of no use without one."""

    reason = "the key needs a pass phrase"


def load_own(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """
    Load the certificate that this side shows, and its key; OSError says why not.

    Left alone OpenSSL asks for a pass phrase at the terminal, and waits for whoever sits there.
    """
    context.load_cert_chain(certificate, key or None, password=_nobody_is_there)


def _nobody_is_there() -> str:
    raise NeedsPassPhrase(0, NeedsPassPhrase.reason)


def as_of(*files: str) -> tuple[tuple[int, int, int] | None, ...]:
    """What is another when one of the files has been replaced; OSError when one cannot be found, None for no name."""
    found = (os.stat(file) if file else None for file in files)
    return tuple(stat and (stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found)


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
        return f"the certificate does not hold: {_fault(error.verify_code, error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS handshake failed: {error.reason or error}"
    return f"TLS handshake failed: {error}"


def _fault(code: int, words: str) -> str:
    # OpenSSL asks who signed before it asks until when: of a stranger's expired certificate only the former is told.
    # Of a certificate that it has refused it keeps nothing, so the day on which it expired cannot be told.
    if code == _EXPIRED:
        return "it has expired, or a CA above it has"
    if code in _NOT_TRUSTED:
        return f"it is not trusted, for no CA that is trusted here has signed it ({words})"
    return words

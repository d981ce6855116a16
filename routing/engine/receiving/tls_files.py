"""What the listener needs for TLS, as its files are now."""

import logging
import ssl
import threading

from routing.dicom.tls import WrongTlsFiles, as_of, load_own

log = logging.getLogger("capacitor.listener")


class TlsFiles:
    """
    The TLS context of the listener, made anew when its files have been replaced.

    WrongTlsFiles when they cannot be used at the start.  Later the last ones stay
    in force meanwhile: a certificate is there before its key, for a moment.
    """

    def __init__(self, certificate: str, key: str, client_ca: str) -> None:
        self._files = (certificate, key, client_ca)
        self._lock = threading.Lock()
        self._seen = self._look()
        self._context = _tls(*self._files)

    def __call__(self) -> ssl.SSLContext:
        with self._lock:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._context = _tls(*self._files)
                    log.info("TLS files have been replaced and are read anew: %s", ", ".join(filter(None, self._files)))
                except WrongTlsFiles as error:
                    log.error("%s; the last ones stay in force", error)
            return self._context

    def _look(self) -> object:
        try:
            return as_of(*self._files)
        except OSError as error:
            return error.errno


def _tls(certificate: str, key: str, client_ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        load_own(context, certificate, key)
    except OSError as error:
        raise WrongTlsFiles(f"CAPACITOR_TLS_CERTIFICATE={certificate!r}, CAPACITOR_TLS_KEY: {error}") from error
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise WrongTlsFiles(f"CAPACITOR_TLS_CLIENT_CA={client_ca!r}: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context

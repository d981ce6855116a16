"""How to reach a node over the network: the stored node and the service's settings as one address."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, replace
from functools import lru_cache

from django.conf import settings

from routing.dicom.requestor import NodeAddress
from routing.dicom.tls import WrongTlsFiles, as_of, load_own
from routing.models import Node

log = logging.getLogger("capacitor.deliver")


def address_of(node: Node, calling_ae_title: str) -> NodeAddress:
    """The node's address for an association that calls itself ``calling_ae_title``; WrongTlsFiles."""
    service = settings.CAPACITOR
    stall = service.stall_threshold if node.stall_threshold is None else node.stall_threshold
    return NodeAddress(
        host=node.host,
        port=node.port,
        called_ae_title=node.ae_title,
        calling_ae_title=calling_ae_title,
        tls=_tls_context(node) if node.tls else None,
        connect_timeout=service.connect_timeout,
        # 0 switches the detector off (nodes.yml, StallThreshold); a day is never reached.
        stall_seconds=stall or 86400,
    )


def _tls_context(node: Node) -> ssl.SSLContext:
    files = (node.tls_ca, node.tls_certificate, node.tls_key)
    kind = (*files, node.tls_check_host)
    try:
        context = _context(*kind, as_of(*files))
    except OSError as error:
        names = ", ".join(filter(None, files))
        why = f"TLS files of node {node.ae_title} ({names}) cannot be used: {error}"
        if kind not in _last or not _is_as_before(node.tls_ca, _last[kind].ca):
            raise WrongTlsFiles(why) from error
        # A certificate is there before its key, for a moment.
        if not _last[kind].told:
            _last[kind] = replace(_last[kind], told=True)
            log.error("%s; the last ones stay in force", why)
        return _last[kind].context
    if kind not in _last or _last[kind].context is not context:
        _last[kind] = _Last(context, as_of(node.tls_ca))
    return context


@dataclass(frozen=True, slots=True)
class _Last:
    """What could be made last, and of which CA file: whom to trust is never a thing of the past."""

    context: ssl.SSLContext
    ca: object
    told: bool = False


_last: dict[tuple[str, str, str, bool], _Last] = {}


def _is_as_before(ca: str, before: object) -> bool:
    try:
        return as_of(ca) == before
    except OSError:
        return False


@lru_cache(maxsize=64)
def _context(ca: str, certificate: str, key: str, check_host: bool, _: object) -> ssl.SSLContext:
    """``_`` tells which files these were: certificates are renewed while the router runs."""
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_host
    if certificate:
        load_own(context, certificate, key)
    return context

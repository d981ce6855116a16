"""How to reach a node over the network: the stored node and the service's settings as one address."""

from __future__ import annotations

import ssl
from functools import lru_cache

from django.conf import settings

from routing.dicom.requestor import NodeAddress
from routing.dicom.tls import as_of, load_own
from routing.models import Node


class WrongTlsFiles(Exception):
    """The TLS files of a node can't be used; the text names the node and the file."""


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
    try:
        return _context(*files, node.tls_check_host, as_of(*files))
    except OSError as error:
        names = ", ".join(filter(None, files))
        raise WrongTlsFiles(f"TLS files of node {node.ae_title} ({names}) cannot be used: {error}") from error


@lru_cache(maxsize=64)
def _context(ca: str, certificate: str, key: str, check_host: bool, _: object) -> ssl.SSLContext:
    """``_`` tells which files these were: certificates are renewed while the router runs."""
    context = ssl.create_default_context(cafile=ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_host
    if certificate:
        load_own(context, certificate, key)
    return context

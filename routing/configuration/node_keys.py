"""The keys of nodes.yml, and the column of a node that each one fills."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from routing.core.node_checks import LARGEST_NUMBER
from routing.models import Node

_BLANK = Node()


class Kind(Enum):
    TEXT = "text"
    TEXTS = "list of texts"
    FLAG = "true or false"
    NUMBER = "whole number"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    """As nodes.yml spells it."""
    column: str
    kind: Kind
    low: int = 0
    high: int = LARGEST_NUMBER

    @property
    def default(self) -> Any:
        """The value of a node that does not name the key."""
        return getattr(_BLANK, self.column)


_T, _L, _F, _N = Kind.TEXT, Kind.TEXTS, Kind.FLAG, Kind.NUMBER

KEYS = (
    Key("AeTitle", "ae_title", _T),
    Key("Description", "description", _T),
    Key("HostName", "host", _T),
    Key("Port", "port", _N, 1, 65535),
    Key("NodeRole", "role", Kind.ROLE),
    Key("Enabled", "enabled", _F),
    Key("Paused", "paused", _F),
    Key("Aliases", "aliases", _L),
    Key("Impersonate", "impersonate", _F),
    Key("TransferSyntax", "transfer_syntax", _T),
    Key("BatchSize", "batch_size", _N),
    Key("MinimumLineSpeed", "minimum_line_speed", _N),
    Key("StallThreshold", "stall_threshold", _N),
    Key("Priority", "priority", _N, 0, 2),
    Key("SopClassPriorities", "sop_class_priorities", _L),
    Key("ProcessDelay", "process_delay", _N),
    Key("ProcessSchedule", "process_schedule", _L),
    Key("ProcessNetworks", "process_networks", _L),
    Key("MaxAssociations", "max_associations", _N, 1, 32),
    Key("Tls", "tls", _F),
    Key("TlsCa", "tls_ca", _T),
    Key("TlsCertificate", "tls_certificate", _T),
    Key("TlsKey", "tls_key", _T),
    Key("TlsCheckHost", "tls_check_host", _F),
    Key("RetryInitial", "retry_initial", _N),
    Key("RetryLimit", "retry_limit", _N),
    Key("RetryJitter", "retry_jitter", _N, 0, 100),
    Key("RetryAttempts", "retry_attempts", _N, 1),
    Key("Deidentified", "deidentified", _F),
)
"""In the order of export; Description, Enabled, Paused and all from MaxAssociations on are this router's own."""

C_FIND_FAILURE = "CFindFailureBehavior"
"""Known, but of use for queries only."""


def values_of(node: Node) -> dict[str, Any]:
    """The columns of a node that nodes.yml speaks of."""
    return {key.column: getattr(node, key.column) for key in KEYS}

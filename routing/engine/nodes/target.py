"""What delivering needs to know of a node: its own settings over those of the service, read at one moment."""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from routing.core.gates import Address, why_closed
from routing.core.retry import RetryPolicy
from routing.core.transfer_syntax import UnknownTransferSyntax, uid_of
from routing.dicom.association_failures import AssociationFailed, FailureKind
from routing.dicom.requestor import NodeAddress
from routing.dicom.tls import WrongTlsFiles
from routing.engine.nodes.addresses import address_of
from routing.models import Node

LARGEST_BATCH = 256
"""Items of a node whose batch size is 0, which means as many as possible."""
_MOST_IN_BATCH = 1000
"""As of ``CAPACITOR_BATCH_SIZE``: one statement names all items of a batch, and databases have limits for that."""
_BYTES_PER_KILOBYTE = 1000


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Settings of the service; seconds unless said otherwise.  A node's own value wins."""

    own_ae_title: str = "CAPACITOR"
    batch_size: int = 64
    connect_timeout: float = 30
    acse_timeout: float = 15
    stall_threshold: float = 90
    """Without one byte either way; 0: never."""
    storage_timeout: float = 900
    """Least time limit of one C-STORE."""
    minimum_line_speed: int = 500
    """KB/s at which an image, twice as large, must be through; 0: no limit beside the stall threshold."""
    transfer_syntax: str = ""
    """Name or UID; empty: as received."""
    time_zone: str = "UTC"
    """Zone of the schedules."""
    node_list_age: float = 1
    """How long the list of nodes is believed."""
    idle_association: float = 5
    """How long an association without work is kept for the next images."""
    transcode_timeout: float = 120
    """For a small image, its reading and checking included; a large one gets more."""
    transcode_memory_mib: int = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """A Storage node that images go to, for one courier at a time or many."""

    node_id: int
    ae_title: str
    host: str
    port: int
    enabled: bool
    paused: bool
    impersonate: bool
    transfer_syntax_uid: str
    """Demanded; empty: as received."""
    batch_size: int
    stall_seconds: float
    minimum_line_speed: int
    priority: int
    sop_class_priorities: tuple[str, ...]
    schedule: tuple[str, ...]
    networks: tuple[str, ...]
    max_associations: int
    retry: RetryPolicy
    settings: DeliverySettings
    node: Node = field(compare=False)
    updated_at: datetime
    """Of the node: what is not named here may have changed, too."""
    misconfigured: str = ""
    """Why it cannot be sent to as it is configured."""
    failures_in_a_row: int = field(default=0, compare=False)
    not_before: datetime | None = field(default=None, compare=False)
    ignore_schedule_until: datetime | None = None
    """Somebody set the schedule aside until then."""

    def deadline_seconds(self, size: int) -> float | None:
        """The hard limit for one C-STORE of so many bytes; None: none beside the stall threshold."""
        if not self.minimum_line_speed:
            return None
        return max(self.settings.storage_timeout, 2 * size / (self.minimum_line_speed * _BYTES_PER_KILOBYTE))

    def why_closed(self, local: datetime, addresses: Collection[Address]) -> str:
        """Why nothing is sent to it from a machine of these addresses at the moment; empty: it may be sent to."""
        set_aside = self.ignore_schedule_until is not None and local < self.ignore_schedule_until
        schedule = () if set_aside else self.schedule
        return self._why_closed(local, addresses, enabled=self.enabled, paused=self.paused, schedule=schedule)

    def why_out_of_reach(self, local: datetime, addresses: Collection[Address]) -> str:
        """The same without its switches and hours, which everybody can look up."""
        return self._why_closed(local, addresses, enabled=True, paused=False, schedule=())

    def _why_closed(self, local: datetime, addresses: Collection[Address], **switches: Any) -> str:
        return self.misconfigured or why_closed(networks=self.networks, local=local, addresses=addresses, **switches)

    def calling_ae_title(self, source_ae_title: str) -> str:
        return source_ae_title if self.impersonate and source_ae_title else self.settings.own_ae_title

    def address(self, calling_ae_title: str) -> NodeAddress:
        """AssociationFailed when the TLS files can't be read: there is no fall-back to clear text."""
        try:
            address = address_of(self.node, calling_ae_title)
        except WrongTlsFiles as error:
            raise AssociationFailed(FailureKind.TLS, str(error)) from None
        silence = self.stall_seconds or max(self.settings.storage_timeout, 3600)
        return replace(
            address,
            connect_timeout=self.settings.connect_timeout,
            acse_timeout=self.settings.acse_timeout,
            response_timeout=silence,
            stall_seconds=silence,
        )


def target_of(node: Node, settings: DeliverySettings) -> Target:
    """The node with everything it leaves blank taken from the settings; 0 is a value of its own."""
    demanded, misconfigured = node.transfer_syntax or settings.transfer_syntax, ""
    try:
        demanded = uid_of(demanded) if demanded else ""
    except UnknownTransferSyntax as error:
        misconfigured = f"transfer syntax of node {node.ae_title}: {error}"
    status = getattr(node, "status", None)
    if wrong := node.too_large():
        misconfigured = f"node {node.ae_title}: {'; '.join(f'{column}: {why}' for column, why in wrong)}"
        # It is not sent to; with them the nodes beside it could not be either.
        node = copy.copy(node)
        for column, _ in wrong:
            setattr(node, column, getattr(Node(), column))
    target = Target(
        node_id=node.pk,
        ae_title=node.ae_title,
        host=node.host,
        port=node.port,
        enabled=node.enabled and node.role == Node.Role.STORAGE,
        paused=node.paused,
        impersonate=node.impersonate,
        transfer_syntax_uid=demanded,
        batch_size=min(int(_own(node.batch_size, settings.batch_size)) or LARGEST_BATCH, _MOST_IN_BATCH),
        stall_seconds=_own(node.stall_threshold, settings.stall_threshold),
        minimum_line_speed=int(_own(node.minimum_line_speed, settings.minimum_line_speed)),
        priority=node.priority,
        sop_class_priorities=tuple(node.sop_class_priorities),
        schedule=tuple(node.process_schedule),
        networks=tuple(node.process_networks),
        max_associations=node.max_associations,
        retry=node.retry_policy,
        settings=settings,
        node=node,
        updated_at=node.updated_at,
        misconfigured=misconfigured,
        ignore_schedule_until=node.ignore_schedule_until,
    )
    if status is None:
        return target
    return replace(target, failures_in_a_row=status.failures_in_a_row, not_before=status.not_before)


def targets(settings: DeliverySettings) -> list[Target]:
    """Every Storage node, those that are not to be sent to included."""
    nodes = Node.objects.filter(role=Node.Role.STORAGE).select_related("status")
    return [target_of(node, settings) for node in nodes]


def _own(value: int | None, inherited: float) -> float:
    return inherited if value is None else value

"""Who may call, and what a called AE title means: one snapshot of nodes and senders, refreshed while it is used."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, cast

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.db import close_old_connections, connection
from django.db.migrations.recorder import MigrationRecorder

from routing.core.ae_title import KnownTitle, Meaning, Resolution, TitleBook
from routing.core.node_checks import LARGEST_NUMBER
from routing.models import KnownSender, Node
from routing.processes.application_log import first_line

log = logging.getLogger("capacitor.directory")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Senders = dict[str, tuple[Network | None, ...]]
"""For each calling AE title the networks it may call from; None is anywhere."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Nodes and senders at one moment."""

    titles: TitleBook
    senders: Senders
    delays: dict[int, timedelta]
    """ProcessDelay of the nodes that have one of their own, by node id."""
    database: str = ""
    """Whose ids these are: another database may have given them to other nodes."""

    def accepted_for(self, called_ae_title: str) -> str:
        """
        What an image carries from its association on, so that its node is found under another AE title, too.

        Empty where the title means no node.
        """
        node_id = self.titles.resolve(called_ae_title).node_id
        return "" if node_id is None else f"{node_id}@{self.database}"

    def resolve(self, called_ae_title: str, accepted_for: str = "") -> Resolution:
        """The node that the image was accepted for, if it is still there; else what the AE title means."""
        node_id, _, database = accepted_for.partition("@")
        ours = node_id.isdecimal() and database == self.database != ""
        known = self.titles.node(int(node_id)) if ours else None
        return known or self.titles.resolve(called_ae_title)

    def binds(self, calling_ae_title: str, address: str) -> bool:
        """Whether somebody has allowed this sender from exactly this address, as one click on the dashboard does."""
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        networks = self.senders.get(calling_ae_title, ())
        return any(network is not None and network.num_addresses == 1 and peer in network for network in networks)

    def knows(self, calling_ae_title: str, address: str) -> bool:
        """Whether somebody has allowed this sender (decision D18)."""
        return may_send(self.senders, calling_ae_title, address)


def may_send(senders: Senders, calling_ae_title: str, address: str) -> bool:
    """Whether one of these is that sender at that address."""
    networks = senders.get(calling_ae_title, ())
    if not networks:
        return False
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return None in networks
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
        peer = peer.ipv4_mapped
    return any(network is None or peer in network for network in networks)


def _this_database() -> str:
    """When its first table was made, to the microsecond: a backup of it says the same, and no other database does."""
    applied = MigrationRecorder.Migration.objects.order_by("pk").values_list("applied", flat=True).first()
    return f"{applied:%Y%m%d%H%M%S%f}" if applied else ""


def read_snapshot(own_ae_title: str, prefix: str) -> Snapshot:
    """Read nodes and senders from the database."""
    nodes = list(
        Node.objects.filter(role=Node.Role.STORAGE).values_list("pk", "ae_title", "aliases", "enabled", "process_delay")
    )
    titles = [KnownTitle(pk, ae_title, tuple(aliases), enabled) for pk, ae_title, aliases, enabled, _ in nodes]
    delays = {pk: timedelta(milliseconds=min(delay, LARGEST_NUMBER)) for pk, *_, delay in nodes if delay is not None}
    return Snapshot(TitleBook(titles, own_ae_title, prefix), read_senders(), delays, _this_database())


def read_senders() -> Senders:
    """Read the senders that are allowed from the database."""
    senders: Senders = {}
    for ae_title, network in KnownSender.objects.filter(enabled=True).values_list("ae_title", "network"):
        try:
            parsed = ipaddress.ip_network(network, strict=False) if network else None
        except ValueError:
            # One row that no form has checked must not keep all senders out; this one stays out.
            log.error("known sender %s has no valid network: %r", ae_title, network)
            continue
        senders[ae_title] = (*senders.get(ae_title, ()), parsed)
    return senders


class Directory:
    """
    The newest snapshot, at most ``age`` seconds old; safe to use from many threads.

    While the database can't be read the last snapshot stays in force: images
    are still taken to the spool.
    """

    def __init__(self, own_ae_title: str, prefix: str, *, age: float = 1.0, by_title: bool = False) -> None:
        self._own, self._prefix, self._age, self._by_title = own_ae_title, prefix, age, by_title
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._read_at = 0.0

    @classmethod
    def of_service(cls, *, age: float = 1.0, by_title: bool = False) -> Self:
        """
        With the AE title and the prefix of the settings.

        ``by_title``: whatever an image was accepted for, it is for whom its called AE title means.
        """
        return cls(settings.CAPACITOR.ae_title, settings.CAPACITOR.ae_title_prefix, age=age, by_title=by_title)

    def current(self) -> Snapshot:
        """django.db.Error only when there has never been a snapshot."""
        known = self._snapshot
        # A database that hangs holds up the one who asks; everybody else goes on with what is known.
        if not self._lock.acquire(blocking=known is None):
            return cast(Snapshot, known)
        try:
            return self._refreshed()
        finally:
            self._lock.release()

    def _refreshed(self) -> Snapshot:
        if self._snapshot is not None and time.monotonic() - self._read_at < self._age:
            return self._snapshot
        try:
            _drop_dead_connection()
            self._snapshot = read_snapshot(self._own, self._prefix)
        except DatabaseProblem as error:
            if self._snapshot is None:
                raise
            log.warning("nodes and senders cannot be read, the last ones stay in force: %s", first_line(error))
        self._read_at = time.monotonic()
        return self._snapshot

    def resolve(self, called_ae_title: str, accepted_for: str = "") -> Resolution:
        return self.current().resolve(called_ae_title, "" if self._by_title else accepted_for)


def _drop_dead_connection() -> None:
    # Each association's thread has a connection of its own, which may have timed out since its last use.
    if not connection.in_atomic_block:
        close_old_connections()


def refusal(
    snapshot: Snapshot, calling_ae_title: str, called_ae_title: str, address: str, *, anybody: bool
) -> tuple[str, str] | None:
    """
    Why an association is refused: ("calling" or "called", words for the log); None to accept it.

    The called AE title is judged first, so that a scan of titles by a stranger
    tells the stranger nothing about senders.
    """
    meaning = snapshot.titles.resolve(called_ae_title).meaning
    if meaning is Meaning.UNKNOWN:
        near = snapshot.titles.nearest(called_ae_title)
        return "called", f"called AE title {called_ae_title!r} means no node" + (
            f"; nearest is {near!r}" if near else ""
        )
    if meaning is Meaning.DISABLED:
        return "called", f"called AE title {called_ae_title!r} means a disabled node"
    if not anybody and not snapshot.knows(calling_ae_title, address):
        return "calling", f"calling AE title {calling_ae_title!r} at {address} is not a known sender"
    return None

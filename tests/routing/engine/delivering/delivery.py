"""Builders for delivery: images that wait in a spool, and a deliverer that is stepped until it rests."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from pynetdicom import AE, evt

from routing.core.identifiers import Identifiers
from routing.engine.delivering.deliver import Deliverer
from routing.engine.nodes.target import DeliverySettings
from routing.models import Node, NodeStatus, QueueItem
from routing.spool.spool import Spool
from scripts_app.core.dataset.file_meta import encode_file_meta
from scripts_app.core.dataset.recipe import Recipe
from tests import builders
from tests.routing.dicom import peers

OWNER = "host:1:test"


@dataclass
class Delivery:
    spool: Spool
    deliverer: Deliverer
    journal: list[int] = field(default_factory=list)
    recorded: list[int] = field(default_factory=list)
    """What the journal may forget."""
    answers: dict[int, int] = field(default_factory=dict)
    """What stands in the journal beside the items."""
    stopped: bool = False
    new_id: Identifiers = field(default_factory=lambda: Identifiers(tag=2))

    def image(
        self, node: Node, content: bytes | None = None, syntax: str = peers.EXPLICIT, **columns: Any
    ) -> QueueItem:
        """An item with its file; the data set is a small CT image unless given."""
        identifier = self.new_id()
        instance = columns.setdefault("sop_instance_uid", f"1.2.3.{identifier}")
        sop_class = columns.setdefault("sop_class_uid", peers.CT_IMAGE)
        meta = encode_file_meta(sop_class, instance, syntax)
        part = self.spool.begin(identifier)
        part.write([meta, peers.dataset(instance) if content is None else content])
        part.commit()
        return builders.queue_item(
            id=identifier,
            node=node,
            transfer_syntax_uid=syntax,
            size=part.size,
            checksum=part.checksum,
            dataset_offset=len(meta),
            **columns,
        )

    def recipe(self, node: Node, recipe: Recipe, content: bytes, **columns: Any) -> QueueItem:
        """An item whose data set a script has edited; offsets in the recipe count from the start of ``content``."""
        item = self.image(node, content, **columns)
        at = item.dataset_offset
        parts = tuple(p if isinstance(p, bytes) else (p[0] + at, p[1] + at) for p in recipe.parts)
        item.recipe = Recipe(parts).dumps()
        item.save()
        return item

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.deliverer.stop(peers.PATIENCE)

    def rest(self) -> None:
        """Step until there is nothing to do and nothing on its way."""
        self.until(lambda: False)

    def until(self, reached: Callable[[], bool]) -> None:
        patience = time.monotonic() + peers.PATIENCE
        while not reached() and (self.deliverer.step() or self.deliverer.busy):
            assert time.monotonic() < patience, "the deliverer does not come to rest"
            self.deliverer.idle(peers.PATIENCE / 100)


@contextlib.contextmanager
def delivery(
    folder: Path, owner: str = OWNER, no_more: Callable[[], bool] = lambda: False, **settings: Any
) -> Iterator[Delivery]:
    """A deliverer over a spool of its own; stopped at the end."""
    spool = Spool(folder / "waiting", durable="none")
    journal: list[int] = []
    quick = {"connect_timeout": 5, "acse_timeout": 5, "idle_association": 0.05, "node_list_age": 0}
    recorded: list[int] = []

    answers: dict[int, int] = {}

    def note(item_id: int, status: int) -> None:
        journal.append(item_id)
        answers[item_id] = status

    deliverer = Deliverer(owner, spool, DeliverySettings(**(quick | settings)), note, recorded.extend, no_more)
    running = Delivery(spool, deliverer, journal, recorded, answers)
    try:
        yield running
    finally:
        running.stop()


def node(port: int, ae_title: str = "PACS", **columns: Any) -> Node:
    return builders.node(ae_title, **{"host": "127.0.0.1", "port": port, "retry_jitter": 0, **columns})


@dataclass(frozen=True)
class Arrival:
    calling_ae_title: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    priority: int
    dataset: bytes
    association: int
    """Number of the association over which it came, from 1."""


@dataclass
class RunningNode:
    """A Storage SCP of another toolkit, which answers as it is told."""

    port: int = 0
    arrived: list[Arrival] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    """Calling AE title of every association request."""
    has_rejected: threading.Event = field(default_factory=threading.Event)

    @property
    def instances(self) -> list[str]:
        return [arrival.sop_instance_uid for arrival in self.arrived]


class Held:
    """The answers of a node that holds them back until the test lets them go."""

    def __init__(self, status: int = 0x0000) -> None:
        self._status = status
        self._free = threading.Event()

    def __call__(self, event: evt.Event, number: int) -> int:
        self._free.wait(10)
        return self._status

    def let_go(self) -> None:
        self._free.set()


@contextlib.contextmanager
def storage_node(
    answer: Callable[[evt.Event, int], int] = lambda event, number: 0x0000,
    contexts: Sequence[tuple[str, str]] = ((peers.CT_IMAGE, peers.EXPLICIT), (peers.CT_IMAGE, peers.IMPLICIT)),
    most_associations: int = 10,
) -> Iterator[RunningNode]:
    """
    ``answer`` gets the event and the number of the image, from 1, and gives the status.

    More than ``most_associations`` at once are rejected for now.
    """
    running = RunningNode()
    associations: dict[int, int] = {}

    def store(event: evt.Event) -> int:
        running.arrived.append(
            Arrival(
                event.assoc.requestor.ae_title,
                str(event.request.AffectedSOPInstanceUID),
                str(event.context.transfer_syntax),
                event.request.Priority,
                event.request.DataSet.getvalue(),
                associations.setdefault(id(event.assoc), len(associations) + 1),
            )
        )
        return answer(event, len(running.arrived))

    def requested(event: evt.Event) -> None:
        running.requested.append(event.assoc.requestor.primitive.calling_ae_title)

    def rejected(_: evt.Event) -> None:
        running.has_rejected.set()

    ae = AE()
    ae.maximum_associations = most_associations
    for sop_class, syntax in contexts:
        ae.add_supported_context(sop_class, syntax)
    handlers = [(evt.EVT_C_STORE, store), (evt.EVT_REQUESTED, requested), (evt.EVT_REJECTED, rejected)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    running.port = server.server_address[1]
    try:
        yield running
    finally:
        server.shutdown()


def status(node: Node) -> NodeStatus:
    return NodeStatus.objects.get(node=node)


def states(*items: QueueItem) -> list[str]:
    return [QueueItem.objects.get(pk=item.pk).state for item in items]


def back_off_is_over(node: Node) -> None:
    """As if the time had passed that the node and its items wait for."""
    past = timezone.now() - timedelta(seconds=1)
    NodeStatus.objects.filter(node=node, not_before__isnull=False).update(not_before=past)
    QueueItem.objects.filter(node=node, not_before__gt=past).update(not_before=past)

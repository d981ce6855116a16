"""Builders for delivery: images that wait in a spool, and a deliverer that is stepped until it rests."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routing.core.identifiers import Identifiers
from routing.engine.deliver import Deliverer
from routing.engine.target import DeliverySettings
from routing.models import Node, QueueItem
from routing.spool import Spool
from scripts_app.core.dataset.file_meta import encode_file_meta
from tests import builders
from tests.routing.dicom import peers

OWNER = "host:1:test"


@dataclass
class Delivery:
    spool: Spool
    deliverer: Deliverer
    journal: list[int] = field(default_factory=list)
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
            dataset_offset=len(meta),
            **columns,
        )

    def rest(self) -> None:
        """Step until there is nothing to do and nothing on its way."""
        self.until(lambda: False)

    def until(self, reached: Callable[[], bool]) -> None:
        patience = time.monotonic() + peers.PATIENCE
        while not reached() and (self.deliverer.step() or self.deliverer.busy):
            assert time.monotonic() < patience, "the deliverer does not come to rest"
            self.deliverer.idle(peers.PATIENCE / 100)


@contextlib.contextmanager
def delivery(folder: Path, **settings: Any) -> Iterator[Delivery]:
    """A deliverer over a spool of its own; stopped at the end."""
    spool = Spool(folder / "waiting", durable="none")
    journal: list[int] = []
    quick = {"connect_timeout": 5, "acse_timeout": 5, "idle_association": 0.05}
    deliverer = Deliverer(OWNER, spool, DeliverySettings(**(quick | settings)), journal.append)
    running = Delivery(spool, deliverer, journal)
    try:
        yield running
    finally:
        deliverer.stop(peers.PATIENCE)


def node(port: int, ae_title: str = "PACS", **columns: Any) -> Node:
    return builders.node(ae_title, **{"host": "127.0.0.1", "port": port, "retry_jitter": 0, **columns})

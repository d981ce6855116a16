"""Builders for preparing: images that wait in a spool, and a preparer to step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from routing.core.identifiers import Identifiers
from routing.engine.directory import Directory
from routing.engine.preparing.prepare import Preparer
from routing.engine.preparing.settings import PrepareSettings
from routing.engine.receiving.receive import enqueue, instance_in
from routing.engine.watching.watch import Watch
from routing.models import ItemLogLine, QueueItem, ScopedState
from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool
from scripts_app.core.lua.limits import Limits
from tests import builders

OWNER = "host:1:test"


class Preparation:
    """A spool, a preparer, and what it came to."""

    def __init__(self, folder: Path, *, owner: str = OWNER, stopping: Callable[[], bool] = lambda: False) -> None:
        self.spool = Spool(folder / "spool", "none")
        self.files = PreparedFiles(self.spool.root)
        self.directory = Directory("CAPACITOR", "DCP_", age=0)
        self.nudged = 0
        self.watch = Watch()
        self.preparer = Preparer(
            owner,
            self.spool,
            self.directory,
            PrepareSettings(
                own_ae_title="CAPACITOR",
                batch_size=64,
                limits=Limits(),
                retry_after=timedelta(seconds=5),
                tries=5,
                process_delay=timedelta(0),
            ),
            watch=self.watch,
            new_id=Identifiers(tag=8),
            prepared=self._nudge,
            stopping=stopping,
        )

    def _nudge(self) -> None:
        self.nudged += 1

    def image(self, dataset: bytes | None = None, **fields: Any) -> int:
        """A received image with its row; its id."""
        instance = builders.received(self.spool, dataset, **fields)
        enqueue([instance], self.spool, self.directory, actor="listener")
        return instance.id

    def sample(self, path: Path, **fields: Any) -> int:
        """One of pydicom's files as if it had been received."""
        identifier = self.image(**fields)
        self.spool.path(identifier).write_bytes(path.read_bytes())
        QueueItem.objects.filter(id=identifier).delete()
        instance = instance_in(self.spool.path(identifier), identifier)
        enqueue([replace(instance, called_ae_title="PACS")], self.spool, self.directory, actor="listener")
        return identifier

    def step(self) -> int:
        return self.preparer.step()

    def prepared(self, dataset: bytes | None = None, **fields: Any) -> QueueItem:
        """A received image after one step."""
        identifier = self.image(dataset, **fields)
        assert self.step() == 1
        return item(identifier)


def item(identifier: int) -> QueueItem:
    return QueueItem.objects.get(id=identifier)


def copies_of(original: QueueItem) -> dict[str, QueueItem]:
    made = QueueItem.objects.filter(received_id=original.id).exclude(id=original.id)
    return {copy.destination_ae_title: copy for copy in made}


def log_lines(of: QueueItem) -> list[tuple[str, str, str]]:
    return list(ItemLogLine.objects.filter(item=of).values_list("level", "source", "text"))


def study_table(uid: str = "1.2.3") -> Any:
    return ScopedState.objects.get(scope="study", uid=uid).values

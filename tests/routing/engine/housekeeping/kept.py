"""Items that have left the queue, or wait, and their files: for what is kept and for how long."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from routing.core.identifiers import first_at
from routing.engine.housekeeping.retention import purge_files
from routing.models import QueueItem
from routing.spool.prepared import PreparedFiles
from routing.spool.spool import Spool
from tests.builders import queue_item, received

DAY = timedelta(days=1)


class Kept:
    """A spool with files, and the items made from them."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder / "spool", "none")
        self.files = PreparedFiles(self.spool.root)

    def item(self, state: str, *, ended: timedelta = 2 * DAY, **columns: Any) -> QueueItem:
        at = timezone.now() - ended
        identifier = received(self.spool, identifier=first_at(at)).id
        times = {"finished_at": at if state in ("Delivered", "Dropped") else None, "updated_at": at}
        return queue_item(state, id=identifier, **(times | columns))

    def copy(self, of: QueueItem, state: str, *, ended: timedelta = 2 * DAY, **columns: Any) -> QueueItem:
        at = timezone.now() - ended
        times = {"finished_at": at if state in ("Delivered", "Dropped") else None, "updated_at": at}
        return queue_item(state, id=of.id + 1, received_id=of.id, **(times | columns))

    def prepared_file(self, item: QueueItem) -> str:
        with self.files.draft() as draft:
            draft.write_bytes(b"x")
            return self.files.keep(draft, item.id)

    def has(self, item: QueueItem) -> bool:
        return self.spool.path(item.received_id).exists()

    def purge(self, after: timedelta = DAY, *, scarce: bool = False) -> int:
        return purge_files(self.spool, self.files, after, scarce=scarce)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)

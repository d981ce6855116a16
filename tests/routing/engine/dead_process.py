"""A process that was killed: its file, and the items in its hands."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.folders import run_folder
from routing.models import QueueItem
from tests.builders import queue_item

DEAD = "host:7:dead"


def died(journal: bytes = b"") -> None:
    """The presence file of a process that was killed."""
    run_folder().mkdir(exist_ok=True)
    (run_folder() / f"{DEAD}.presence").write_bytes(journal)


def held(state: str = "New", owner: str = DEAD, **columns: Any) -> QueueItem:
    return queue_item(state, lease_owner=owner, lease_until=timezone.now() + timedelta(minutes=1), **columns)

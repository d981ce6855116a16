"""Items of the queue and who has claimed them, for the tests of claims."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.models import QueueItem
from routing.queue.claims import claim_unprepared
from tests.builders import queue_item

ME, OTHER = "host:1:me", "host:2:other"
MINUTE = timedelta(minutes=1)


def ago(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


def due(state: str = "New", **columns: Any) -> QueueItem:
    return queue_item(state, **({"not_before": ago(seconds=1)} | columns))


def claimed(owner: str = ME, limit: int = 100, *, lanes: bool = False) -> list[int]:
    return [item.id for item in claim_unprepared(owner, limit, lanes=lanes)]

"""The items before and after one, among those that a person was looking through."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from routing.models import QueueItem
from routing.queue_filter import QueueFilter
from routing.sight import Sight


@dataclass(frozen=True, slots=True)
class Neighbours:
    newer: int | None
    older: int | None
    query: str
    """The filter as it stands behind the question mark; empty for the whole queue."""


def neighbours(item: QueueItem, asked: QueryDict, sight: Sight) -> Neighbours:
    """By order of reception, whether or not the item itself still matches the filter of the address."""
    query = asked.copy()
    for mark in ("before", "after"):
        query.pop(mark, None)
    matching = QueueFilter(query, sight=sight).matching(QueueItem.objects.all())
    ids = matching.values_list("pk", flat=True)
    return Neighbours(
        newer=ids.filter(pk__gt=item.pk).order_by("pk").first(),
        older=ids.filter(pk__lt=item.pk).order_by("-pk").first(),
        query=query.urlencode(),
    )

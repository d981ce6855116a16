"""The items before and after one, among those that a person was looking through."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import QueryDict

from routing.forms.queue_filter import QueueFilter
from routing.models import QueueItem
from routing.people.sight import Sight

_PAGE_MARKS = ("before", "after", "rows", "more", "back", "action", "ids", "upto", "asked_at", "scope")
"""Which page of a list is shown, not what is in it."""


def filter_of(asked: QueryDict) -> QueryDict:
    """What an address narrows by, without the place in the list."""
    query = asked.copy()
    for mark in _PAGE_MARKS:
        query.pop(mark, None)
    return query


@dataclass(frozen=True, slots=True)
class Neighbours:
    newer: int | None
    older: int | None
    query: str
    """The filter as it stands behind the question mark; empty for the whole queue."""


def neighbours(item: QueueItem, asked: QueryDict, sight: Sight) -> Neighbours:
    """By order of reception, whether or not the item itself still matches the filter of the address."""
    query = filter_of(asked)
    matching = QueueFilter(query, sight=sight).matching(QueueItem.objects.all())
    ids = matching.values_list("pk", flat=True)
    return Neighbours(
        newer=ids.filter(pk__gt=item.pk).order_by("pk").first(),
        older=ids.filter(pk__lt=item.pk).order_by("-pk").first(),
        query=query.urlencode(),
    )

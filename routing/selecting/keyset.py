"""Pages of a list that grows at its head: addressed by id, so that rows never slip from one page to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models

from routing.core.identifiers import identifier_in

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """Rows, newest first; ``older`` and ``newer`` are the ids that the neighbouring pages start from."""

    rows: Sequence[Row]
    older: Any | None
    newer: Any | None
    first: bool
    """Whether this is the head of the list."""


def page_or_head(ask: Callable[[Mapping[str, str]], KeysetPage[Row]], query: Mapping[str, str]) -> KeysetPage[Row]:
    """The page that the query asks for; the head of the list where all rows of that page have gone meanwhile."""
    page = ask(query)
    return page if page.rows or page.first else ask({})


def keyset_page(rows: models.QuerySet[Row], query: Mapping[str, str], size: int) -> KeysetPage[Row]:
    """
    The page that ``before`` or ``after`` (an id each) of the query string asks for; else the newest rows.

    Anything that is no id is ignored: a mangled link shows the head of the list.
    """
    before, after = identifier_in(query.get("before")), identifier_in(query.get("after"))
    if after is not None and before is None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        if len(found) > size:
            page = found[:size][::-1]
            return KeysetPage(page, page[-1].pk, page[0].pk, first=False)
        before = None
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    page = found[:size]
    return KeysetPage(
        page,
        page[-1].pk if len(found) > size else None,
        page[0].pk if before is not None and page else None,
        first=before is None,
    )


def sorted_page(
    rows: models.QuerySet[Row], query: Mapping[str, str], size: int, column: str, *, descending: bool
) -> KeysetPage[Row]:
    """
    As ``keyset_page``, in the order of a column that does not tell rows apart: the id decides among equals.

    ``before`` and ``after`` are still ids: the row itself says where its page ends.
    """
    mark = identifier_in(query.get("before"))
    backwards = mark is None and (mark := identifier_in(query.get("after"))) is not None
    value = rows.model._default_manager.filter(pk=mark).values_list(column, flat=True).first() if mark else None
    if value is None:
        mark, backwards = None, False
    everything, falling = rows, descending is not backwards
    if mark is not None:
        way = "lt" if falling else "gt"
        beyond = models.Q(**{f"{column}__{way}": value}) | models.Q(**{column: value, f"pk__{way}": mark})
        rows = rows.filter(beyond)
    sign = "-" if falling else ""
    # The ids alone are sorted: whole rows would fill the sorter's memory many times over.
    ids = list(rows.order_by(f"{sign}{column}", f"{sign}pk").values_list("pk", flat=True)[: size + 1])
    there = everything.in_bulk(ids[:size])
    page, more = [there[pk] for pk in ids[:size] if pk in there], len(ids) > size
    if backwards:
        # Fewer rows than a page before this one: that is the head of the list.
        if not more:
            return sorted_page(everything, {}, size, column, descending=descending)
        page.reverse()
        return KeysetPage(page, page[-1].pk, page[0].pk, first=False)
    return KeysetPage(page, page[-1].pk if more else None, page[0].pk if mark and page else None, first=mark is None)

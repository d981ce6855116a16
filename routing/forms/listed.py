"""Lists in the order of names: a search, and pages by number, both in the address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import QueryDict

from routing.forms.filtering import FilterForm, search_field
from routing.people.sight import Sight

PAGE = 100
"""Rows of a page; thousands are megabytes, drawn anew whenever something changes."""


class ListSearch(FilterForm):
    """A part of any text of a row, upper or lower case."""

    q = search_field()

    def __init__(self, data: Any, *, looked_in: str) -> None:
        super().__init__(data, sight=Sight(full=False))
        self.fields["q"].widget.attrs |= {"placeholder": looked_in, "autocomplete": "off", "spellcheck": "false"}
        self.full_clean()

    @property
    def text(self) -> str:
        return self.value("q")

    def meets(self, *texts: str) -> bool:
        return any(self.text.casefold() in text.casefold() for text in texts)


def numbered_page(rows: Sequence[Any] | QuerySet[Any], query: QueryDict) -> Page[Any]:
    """The page that ``page`` of the address asks for; the first or the last where there is no such one."""
    return Paginator(rows, PAGE).get_page(query.get("page"))

"""Which of the entries a page shows: what is searched for, whose call is looked at, and pages by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Page, Paginator

from scripts_app.core.nearest import did_you_mean
from scripts_app.entry_list import Placed

PAGE = 50
"""Entries of a page, each with its whole script; a thousand are megabytes."""


class EntrySearch(forms.Form):
    """As it stands in the address: what cannot be asked for narrows nothing, and is told."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label="Search",
        widget=forms.TextInput(
            {
                "type": "search",
                "placeholder": "description, AE title, file, tag, pattern, script",
                "autocomplete": "off",
                "spellcheck": "false",
            }
        ),
    )
    called = forms.CharField(required=False, max_length=200, label="Called AE title")

    def __init__(self, data: Any, titles: Mapping[str, str]) -> None:
        """``titles``: node by called AE title."""
        super().__init__(data)
        self._titles = titles
        self.full_clean()

    def clean_called(self) -> str:
        called = str(self.cleaned_data["called"])
        if called and called not in self._titles:
            raise ValidationError(f"{called!r} leads to no node{did_you_mean(called, self._titles)}")
        return called

    @property
    def text(self) -> str:
        return str(self.cleaned_data.get("q") or "")

    @property
    def caller(self) -> str:
        """The called AE title that somebody looks at; empty: all."""
        return str(self.cleaned_data.get("called") or "")

    @property
    def left_out(self) -> list[str]:
        return [f"{self[name].label} is left out: {' '.join(map(str, errors))}" for name, errors in self.errors.items()]

    def found(self, entries: Sequence[Placed]) -> Sequence[Placed]:
        wanted = self.text.casefold()
        return (
            [each for each in entries if any(wanted in text.casefold() for text in _texts(each))] if wanted else entries
        )


def _texts(placed: Placed) -> Iterator[str]:
    entry = placed.entry
    yield placed.title
    yield from entry["ae_titles"]
    yield entry.get("library", "")
    yield entry.get("script", "")
    yield from _conditions(entry["conditions"])


def _conditions(conditions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for condition in conditions:
        yield condition["tag"]
        yield condition["match_expression"]
        yield from _conditions(condition["sequence_items"])


def entry_page(entries: Sequence[Placed], number: Any) -> Page[Placed]:
    """The page of this number; the first or the last where there is no such one."""
    return Paginator(entries, PAGE).get_page(number)


def page_of(place: int) -> int:
    """The page of the whole list on which the entry of this place (from 1) stands."""
    return (place - 1) // PAGE + 1

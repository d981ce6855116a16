"""Lists that are filtered by their address: what cannot be asked for narrows nothing, and is told."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponseBadRequest

from routing.people.sight import Sight


def search_field(label: str = "Search") -> forms.CharField:
    widget = forms.TextInput(attrs={"type": "search"})
    return forms.CharField(required=False, max_length=200, label=label, widget=widget)


def moment_field(label: str) -> forms.DateTimeField:
    """A moment in the server's zone, to the minute."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(required=False, label=label, widget=widget)


class FilterForm(forms.Form):
    """
    Every field narrows; an empty one does not, and neither does a wrong one, which the page tells.

    A subclass that has put its fields right calls ``full_clean``.
    """

    def __init__(self, data: Any, *, sight: Sight) -> None:
        super().__init__(data)
        self.sight = sight

    def value(self, name: str) -> str:
        """What was asked for; an unknown choice or an overlong text asks for nothing."""
        return str(self.cleaned_data.get(name) or "").strip()

    @property
    def narrows(self) -> bool:
        """Whether anything is asked for."""
        return any(self.value(name) for name in self.fields)

    @property
    def left_out(self) -> list[str]:
        """What of the address does not narrow, and why not."""
        return [f"{self[name].label} is left out: {' '.join(map(str, errors))}" for name, errors in self.errors.items()]

    def no_file(self) -> HttpResponseBadRequest:
        """
        The answer to who asks for a file by a filter of which a part is left out.

        Whoever reads the file later sees no notice: it would be taken for what was asked for.
        """
        told = f"No file was made. Put the filter right first. {' '.join(self.left_out)}"
        return HttpResponseBadRequest(told, content_type="text/plain; charset=utf-8")

"""Lists that are filtered by their address: what cannot be asked for narrows nothing, and is told."""

from __future__ import annotations

from django import forms
from django.http import HttpResponseBadRequest


class FilterForm(forms.Form):
    """Every field narrows; an empty one does not, and neither does a wrong one, which the page tells."""

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

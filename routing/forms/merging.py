"""A form of a row that others may be changing as well: it writes only what this person has changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.models import ModelForm

MEANWHILE = "Changed by somebody else meanwhile. It was {} and is {} now; yours is {}. Save again to write yours."


class MergingForm(ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """
    The page carries what each field was when it was drawn.

    What this person has not touched stays as it is stored now.  What somebody
    else has changed too is an error with all three values; drawn with it, the
    form begins from what is stored now, so that a second save is meant.
    Give it a row that is locked until it is saved.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for name, field in self.fields.items():
            # Who posts without having seen the page says what each field is to be.
            seen = not self.is_bound or self.add_initial_prefix(name) in self.data
            field.show_hidden_initial = self.instance.pk is not None and seen

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance.pk is not None:
            # A list adds the number of the row, which nobody changes.
            both = [name for name in cleaned.keys() & self.initial.keys() if self._changed_by_both(name)]
            for name in (cleaned.keys() & self.initial.keys()) - set(self.changed_data):
                cleaned[name] = self.initial[name]
            for name in both:
                self.add_error(name, self._told(name, cleaned[name]))
            if both:
                self._begin_anew()
        return cleaned

    def changes(self) -> dict[str, Any]:
        """Old and new value of every field that is another now."""
        pairs = {name: [self.initial.get(name), self.cleaned_data[name]] for name in self.changed_data}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def _changed_by_both(self, name: str) -> bool:
        field, stored = self.fields[name], self.initial[name]
        if name not in self.changed_data or not field.show_hidden_initial:
            return False
        seen = self.data[self.add_initial_prefix(name)]
        return field.has_changed(stored, seen) and field.has_changed(stored, self[name].data)

    def _told(self, name: str, mine: Any) -> str:
        field = self.fields[name]
        seen = field.to_python(self.data[self.add_initial_prefix(name)])
        return MEANWHILE.format(*(_of_field(field, value) for value in (seen, self.initial[name], mine)))

    def _begin_anew(self) -> None:
        data: Any = self.data
        data = data.copy()
        for name in self.initial.keys() & self.fields.keys():
            field = self.fields[name]
            stored = field.prepare_value(self.initial[name])
            text = "" if stored is None else str(stored)
            data[self.add_initial_prefix(name)] = text
            if name not in self.changed_data:
                data[self.add_prefix(name)] = text
        self.data = data


def in_words(value: Any) -> str:
    """A setting as people read it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value in (None, "") else str(value)


def _of_field(field: forms.Field, value: Any) -> str:
    told = in_words(value)
    labels = {str(key): str(label) for key, label in getattr(field, "choices", ())}
    return labels.get(told, told)

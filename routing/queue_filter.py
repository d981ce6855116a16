"""What a person wants to see of the queue, as it stands in the page's address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q

from routing.core.states import QueueState
from routing.querysets import QueueItemQuerySet
from routing.sight import Sight

_TEXT = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})


class QueueFilter(forms.Form):
    """
    Every field narrows; an empty one does not.

    Free text meets patient data only for those who may see it: otherwise the
    answers would tell what the page hides.
    """

    state = forms.ChoiceField(
        choices=[("", "")] + [(s.value, s.value) for s in QueueState], required=False, widget=forms.HiddenInput
    )
    q = forms.CharField(
        required=False, max_length=200, label="Search", widget=forms.TextInput(attrs={"type": "search"})
    )
    destination = forms.CharField(required=False, max_length=16, widget=_TEXT)
    source = forms.CharField(required=False, max_length=16, widget=_TEXT)
    modality = forms.CharField(required=False, max_length=16, widget=_TEXT)
    study = forms.CharField(required=False, max_length=128, label="Study UID", widget=_TEXT)

    def __init__(self, data: Any, *, sight: Sight) -> None:
        super().__init__(data)
        self.sight = sight
        looked_in = "patient, accession, UID, item, error" if sight.full else "UID, item, AE title"
        self.fields["q"].widget.attrs["placeholder"] = looked_in
        self.full_clean()

    def value(self, name: str) -> str:
        """What was asked for; an unknown state or an overlong text asks for nothing."""
        return str(self.cleaned_data.get(name) or "").strip()

    @property
    def narrows(self) -> bool:
        """Whether anything but the state is asked for."""
        return any(self.value(name) for name in self.fields if name != "state")

    def matching(self, items: QueueItemQuerySet) -> QueueItemQuerySet:
        items = self.without_state(items)
        state = self.value("state")
        return items.filter(state=state) if state else items

    def without_state(self, items: QueueItemQuerySet) -> QueueItemQuerySet:
        """All but the state: what the tabs count."""
        columns = {
            "destination": "destination_ae_title",
            "source": "source_ae_title",
            "modality": "modality",
            "study": "study_instance_uid",
        }
        for name, column in columns.items():
            if wanted := self.value(name):
                items = items.filter(**{column: wanted})
        text = self.value("q")
        return items.filter(self._anywhere(text)) if text else items

    def _anywhere(self, text: str) -> Q:
        found = Q(sop_instance_uid__startswith=text) | Q(study_instance_uid__startswith=text)
        found |= Q(series_instance_uid__startswith=text)
        found |= Q(source_ae_title__istartswith=text) | Q(destination_ae_title__istartswith=text)
        if text.isascii() and text.isdecimal() and len(text) <= 18:
            found |= Q(pk=int(text))
        if self.sight.full:
            found |= Q(patient_id__istartswith=text) | Q(patient_name__icontains=text)
            found |= Q(accession_number__istartswith=text) | Q(last_error__icontains=text)
        return found

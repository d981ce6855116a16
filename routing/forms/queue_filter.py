"""What a person wants to see of the queue, as it stands in the page's address."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import connection
from django.db.models import Q, Subquery, Value
from django.db.models.functions import Coalesce

from routing.core.failure_text import mark
from routing.core.identifiers import first_at, identifier_in
from routing.core.states import STUCK_STATES, WAITING_STATES, QueueState
from routing.forms.filtering import FilterForm, moment_field, search_field
from routing.models import QueueItem
from routing.models.querysets import QueueItemQuerySet, named
from routing.people.sight import Sight
from scripts_app.models import ScriptVersion

WINDOW = 10_000
"""Newest items of a state that are looked at for what no index answers; the page says so."""
CAP = 10_000
"""Counting stops here: nobody needs to know more, and counting a million takes a quarter of a second."""

_TEXT = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
_COLUMNS = {
    "destination": "destination_ae_title",
    "study": "study_instance_uid",
    "patient": "patient_id",
    "accession": "accession_number",
    "source": "source_ae_title",
    "modality": "modality",
    "series": "series_instance_uid",
}
_PATIENTS = ("patient", "accession")
_SELECTIVE = {"study", *_PATIENTS}
"""Fields that leave few items, and have an index."""
_INDEXED = {"state", "destination", "since", "until"} | _SELECTIVE
"""Fields that an index answers together, however many items there are."""


def _hidden(_: str) -> None:
    raise ValidationError("Your account may not see patient data.")


def _text(most: int, label: str | None = None) -> forms.CharField:
    return forms.CharField(required=False, max_length=most, label=label, widget=_TEXT)


class QueueFilter(FilterForm):
    """
    The tabs, the fields and the search of the queue.

    Patient data is met only for those who may see it: otherwise the answers
    would tell what the page hides.
    """

    state = forms.ChoiceField(
        choices=[("", "")] + [(s.value, s.value) for s in QueueState], required=False, widget=forms.HiddenInput
    )
    q = search_field()
    destination = _text(16)
    source = _text(16)
    modality = _text(16)
    study = _text(128, "Study UID")
    series = _text(128, "Series UID")
    patient = _text(64, "Patient ID")
    accession = _text(16, "Accession number")
    since = moment_field("Received from")
    until = moment_field("Received before")
    version = _text(64, "Script version")
    error = _text(12, "Cause of failure")

    def __init__(self, data: Any, *, sight: Sight) -> None:
        super().__init__(data, sight=sight)
        self._whole: tuple[str, Q | None] | None = None
        looked_in = "patient, accession, UID, item, error" if sight.full else "UID, item, AE title"
        self.fields["q"].widget.attrs["placeholder"] = looked_in
        if not sight.full:
            for name in _PATIENTS:
                self.fields[name].validators.append(_hidden)
        self.full_clean()

    @property
    def narrows(self) -> bool:
        """Whether anything but the state is asked for."""
        return any(self.value(name) for name in self.fields if name != "state")

    @property
    def asked(self) -> str:
        """What was asked for, as in an address; it may name a patient."""
        return urlencode({name: self.value(name) for name in self.fields if self.value(name)})

    @property
    def seldom_used(self) -> bool:
        """Whether one of the fields is in use that the page folds away."""
        return any(self.value(name) for name in ("series", "since", "until", "version", "error", *_PATIENTS))

    @property
    def indexed(self) -> bool:
        """Whether all that match are found without reading item after item."""
        asked = {name for name in self.fields if self.value(name)}
        return asked <= _INDEXED or self._selective

    @property
    def _selective(self) -> bool:
        """Whether few items can match: those of a study, a patient, or one number."""
        return self._whole_values() is not None or any(map(self.value, _SELECTIVE))

    def matching(self, items: QueueItemQuerySet, *, bounded: bool = False) -> QueueItemQuerySet:
        """What the address asks for; old items only where an index finds them, and never when ``bounded``."""
        state = self.value("state")
        if state and self._selective:
            # Not by the index of the state, which SQLite would take for as good as that of the study.
            items = items.annotate(stands=Coalesce("state", Value(""))).filter(stands=state)
        elif state:
            items = items.filter(state=state)
        return self.narrowed(self.newest(items, state) if bounded or not self.indexed else items)

    def meant(self, items: QueueItemQuerySet) -> QueueItemQuerySet:
        """What something may be done to: nothing while a part of the address is left out, for more would match."""
        return items.none() if self.errors else self.matching(items)

    def newest(self, items: QueueItemQuerySet, state: str) -> QueueItemQuerySet:
        """``items`` without those that are older than the WINDOW newest of the state, or of all."""
        pool = self._received(QueueItem.objects.filter(state=state) if state else QueueItem.objects.all())
        oldest = pool.order_by("-id").values_list("id", flat=True)[WINDOW : WINDOW + 1]
        if connection.vendor == "postgresql":
            # Told the number, it knows that few rows are left; from a subquery it expects a third of the table.
            return items.filter(pk__gt=next(iter(oldest), -1))
        return items.filter(pk__gt=Coalesce(Subquery(oldest), -1))

    def cut(self) -> bool:
        """Whether there are older items than those looked at."""
        state = self.value("state")
        pool = self._received(QueueItem.objects.filter(state=state) if state else QueueItem.objects.all())
        return pool.order_by("-id").values("id")[WINDOW : WINDOW + 1].exists()

    def narrowed(self, items: QueueItemQuerySet) -> QueueItemQuerySet:
        """All but the state: what the tabs count."""
        items = self._received(items)
        for name, column in _COLUMNS.items():
            if wanted := self.value(name):
                items = items.filter(**{column: wanted})
        if version := self.value("version"):
            items = items.filter(script_version_id__in=_versions(version))
        if cause := self.value("error"):
            items = _of_cause(items, cause)
        if (whole := self._whole_values()) is not None:
            return items.filter(whole)
        text = self.value("q")
        return items.filter(self._anywhere(text)) if text else items

    def counts(self) -> dict[str, int]:
        """For every state how many items match, up to CAP + 1, in one query."""
        if self._selective:
            return self.narrowed(QueueItem.objects.all()).counts()
        parts: list[str] = []
        values: list[Any] = []
        for state in QueueState:
            items = QueueItem.objects.filter(state=state)
            items = self.narrowed(items if self.indexed else self.newest(items, state))
            try:
                sql, given = items.order_by().values("state")[: CAP + 1].query.sql_with_params()
            except EmptyResultSet:
                parts.append("0")
                continue
            parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608  # made by Django, values apart
            values += given
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(parts)}", values)
            return dict(zip((state.value for state in QueueState), cursor.fetchone(), strict=True))

    def _received(self, items: QueueItemQuerySet) -> QueueItemQuerySet:
        # Identifiers are made of the moment of reception, so their order is an index of it.
        if since := self.cleaned_data.get("since"):
            items = items.filter(pk__gte=_within(first_at(since)))
        if until := self.cleaned_data.get("until"):
            items = items.filter(pk__lt=_within(first_at(until)))
        return items

    def _whole_values(self) -> Q | None:
        """What the search text is to the letter: a number, UID or ID that indexes find; None when it is none."""
        text = self.value("q")
        if not text:
            return None
        if self._whole is None or self._whole[0] != text:
            meant = {"study_instance_uid": text}
            if self.sight.full:
                meant |= {"patient_id": text, "accession_number": text}
            if identifier_in(text) is not None:
                meant["pk"] = text
            found = [Q(**{name: value}) for name, value in meant.items()]
            there = [one for one in found if QueueItem.objects.filter(one).order_by().exists()]
            self._whole = text, reduce(or_, there) if there else None
        return self._whole[1]

    def _anywhere(self, text: str) -> Q:
        found = Q(sop_instance_uid__startswith=text) | Q(study_instance_uid__startswith=text)
        found |= Q(series_instance_uid__startswith=text)
        found |= Q(source_ae_title__istartswith=text) | Q(destination_ae_title__istartswith=text)
        if (number := identifier_in(text)) is not None:
            found |= Q(pk=number)
        if self.sight.full:
            found |= Q(patient_id__istartswith=text) | named(text)
            found |= Q(accession_number__istartswith=text) | Q(last_error__icontains=text)
        return found


def cause_of(text: str) -> str:
    """The name of the cause that an item's last error tells of."""
    return mark(text, settings.SECRET_KEY.encode())


def _within(identifier: int) -> int:
    """The nearest number that a database can hold; years far away have others."""
    return min(max(identifier, -1), 2**63 - 1)


def _versions(text: str) -> list[int]:
    """The script versions of this number, or whose checksum begins so."""
    meant = Q(sha256__startswith=text.lower())
    if (number := identifier_in(text)) is not None:
        meant |= Q(pk=number)
    return list(ScriptVersion.objects.filter(meant).values_list("pk", flat=True)[:100])


def _of_cause(items: QueueItemQuerySet, cause: str) -> QueueItemQuerySet:
    """Those whose failure has this mark."""
    unfinished = items.filter(state__in=(*STUCK_STATES, *WAITING_STATES))
    texts = unfinished.order_by().values_list("last_error", flat=True).distinct()
    return unfinished.filter(last_error__in=[text for text in texts if cause_of(text) == cause][:CAP])

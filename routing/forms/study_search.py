"""Which studies are shown: the newest, or those that are looked for, page by page."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db import connection
from django.db.models import Max, Q
from django.utils import timezone

from routing.core.identifiers import EPOCH, first_at
from routing.forms.filtering import FilterForm, search_field
from routing.models import QueueItem
from routing.models.querysets import QueueItemQuerySet, named
from routing.people.sight import Sight

_FIRST_WINDOW = 8_000
_WIDER = 5
"""
Items looked at for a page of newest studies, and how much wider each further look is.

The studies whose newest item is among the last n items are exactly those that
these n items name, so a page seldom needs more than the first look.
"""
_CHUNK = 500
NEWEST = 100_000
"""Items among which names are looked for, unless a date says how far back."""
_DATE = {"type": "date"}
_BEHIND_ALL = "z" * 64
"""With this behind it a part of a UID comes after all that begin so, letters too, in the order of any language."""


class StudySearch(FilterForm):
    """Patient data is looked in only for those who may see it."""

    q = search_field()
    since = forms.DateField(required=False, label="Received from", widget=forms.DateInput(attrs=_DATE))
    until = forms.DateField(required=False, label="to", widget=forms.DateInput(attrs=_DATE))

    def __init__(self, data: Any, *, sight: Sight) -> None:
        super().__init__(data, sight=sight)
        looked_in = "study UID, patient, accession number" if sight.full else "study UID"
        self.fields["q"].widget.attrs |= {"placeholder": looked_in, "autocomplete": "off", "spellcheck": "false"}
        self.full_clean()

    @property
    def text(self) -> str:
        return self.value("q")

    @property
    def by_name(self) -> bool:
        """Whether the text is looked for in patients' names, too, which no index answers."""
        return self.sight.full and bool(self.text) and ("^" in self.text or not any(map(str.isdigit, self.text)))

    @property
    def bounded(self) -> bool:
        """Whether only the newest items are looked at."""
        return self.by_name and not self.cleaned_data.get("since")

    def items(self) -> QueueItemQuerySet:
        """The items that make a study one of those looked for."""
        items = QueueItem.objects.exclude(study_instance_uid="")
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since:
            items = items.filter(pk__gte=first_at(max(_midnight(since), EPOCH)))
        if until and until < date.max:
            items = items.filter(pk__lt=first_at(max(_midnight(until + timedelta(days=1)), EPOCH)))
        if self.bounded:
            oldest = _nth_newest(NEWEST, None)
            items = items if oldest is None else items.filter(pk__gt=oldest)
        return items.filter(self._anywhere()) if self.text else items

    def _anywhere(self) -> Q:
        found = _begins("study_instance_uid", self.text)
        if self.sight.full:
            found |= Q(patient_id=self.text) | Q(accession_number=self.text)
        if self.by_name:
            found |= named(self.text)
        return found


def newest_studies(
    items: QueueItemQuerySet, before: int | None, size: int, *, everywhere: bool
) -> list[tuple[str, int]]:
    """
    Study UIDs with their newest item, newest first, from the items below ``before`` on; at most ``size``.

    ``everywhere``: the items are few, or found by an index of their own, so
    there is nothing to gain from looking at the newest first.
    """
    window = None if everywhere else _FIRST_WINDOW
    while True:
        found = _in_window(items, before, window, size)
        if len(found) >= size or window is None:
            return found
        window *= _WIDER
        if window > _FIRST_WINDOW * _WIDER**2:
            window = None


def _in_window(items: QueueItemQuerySet, before: int | None, window: int | None, size: int) -> list[tuple[str, int]]:
    below = items if before is None else items.filter(pk__lt=before)
    oldest = None if window is None else _nth_newest(window, before)
    looked_at = below if oldest is None else below.filter(pk__gt=oldest)
    rows = looked_at.order_by().values("study_instance_uid").annotate(newest=Max("pk"))
    newest = list(rows.order_by("-newest").values_list("study_instance_uid", "newest"))
    if before is None:
        return newest[:size]
    found: list[tuple[str, int]] = []
    for at in range(0, len(newest), _CHUNK):
        chunk = newest[at : at + _CHUNK]
        # A study with an item further up stands on an earlier page.
        later = items.filter(study_instance_uid__in=[uid for uid, _ in chunk], pk__gte=before)
        told = set(later.order_by().values_list("study_instance_uid", flat=True).distinct())
        found += [(uid, latest) for uid, latest in chunk if uid not in told]
        if len(found) >= size:
            break
    return found[:size]


def _nth_newest(number: int, before: int | None) -> int | None:
    """The item with so many newer ones below ``before``; None when there are fewer."""
    ids = QueueItem.objects.order_by("-pk").values_list("pk", flat=True)
    if before is not None:
        ids = ids.filter(pk__lt=before)
    return ids[number : number + 1].first()


def _begins(column: str, text: str) -> Q:
    """A prefix, in the form that the database answers from its index."""
    if connection.vendor == "sqlite":
        # LIKE folds case and cannot use the index; a range of the same texts can.
        return Q(**{f"{column}__gte": text, f"{column}__lt": text + "\U0010ffff"})
    # LIKE can use the index only where texts are ordered by their bytes; a range that holds them all can always.
    return Q(**{f"{column}__startswith": text, f"{column}__gte": text, f"{column}__lte": text + _BEHIND_ALL})


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))

"""A form of the administration that notices what somebody else has saved since its page was drawn."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.forms.models import ModelForm

_BY_THEMSELVES = {"last_login", "password"}
"""Columns that a log-in changes; a password is set on a page of its own."""


class SeenForm(ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """
    The page carries a mark of the row and of what belongs to it (templates/admin/change_form.html).

    Saved over what somebody else has changed since, it would put all of it
    back: that is an error which names what has changed.  Drawn with it, the
    form carries the mark of now, so that a second save is meant.  Who posts
    without having seen the page says what each field is to be.  Give it a row
    that nobody else can save meanwhile.
    """

    beside: ClassVar[tuple[str, ...]] = ()
    """Related rows on the same page."""

    @property
    def seen(self) -> str:
        """The mark of what is stored now; empty for a new row."""
        return json.dumps(self._stored()) if self.instance.pk is not None else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance.pk is not None and (drawn := self.data.get("seen")):
            seen, now = _read(drawn), self._stored()
            if changed := [name for name in now if seen.get(name) != now[name]]:
                raise ValidationError(
                    f"Changed by somebody else meanwhile, so nothing was saved: {', '.join(changed)}. Look at it in "
                    "another window, and put it into yours where it is to stay. Save again to write yours."
                )
        return cleaned

    def _stored(self) -> dict[str, str]:
        row, table = self.instance, self._meta.model
        fields = [field for field in table._meta.fields if field.editable and field.name not in _BY_THEMSELVES]
        stored = table._default_manager.filter(pk=row.pk).values(*(field.attname for field in fields)).first() or {}
        told = {str(field.verbose_name): _mark(stored.get(field.attname)) for field in fields}
        for many in table._meta.many_to_many:
            numbers = many.remote_field.through._default_manager.filter(**{many.m2m_field_name(): row.pk})
            told[str(many.verbose_name)] = _mark(sorted(numbers.values_list(many.m2m_reverse_name(), flat=True)))
        for name in self.beside:
            told[name] = _mark(list(getattr(row, name).order_by("pk").values()))
        return told


def _mark(value: Any) -> str:
    return hashlib.sha256(repr(value).encode(errors="replace")).hexdigest()[:16]


def _read(drawn: str) -> dict[str, Any]:
    try:
        seen = json.loads(drawn)
    except (ValueError, RecursionError):
        seen = None
    return seen if isinstance(seen, dict) else {}

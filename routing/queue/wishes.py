"""Who wished something of an item while a worker held it, and the reason that was given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta

from django.utils import timezone

from routing.models import OperatorAction, OperatorStep

NOBODY = "operator"
"""Whose name is not known."""
_MEANWHILE = "asked for while the item was in progress"
_LATELY = timedelta(days=1)
"""No lease lasts longer than one image over a slow line."""
WISH = "wish"
"""In the ``before`` of a step: what it left as the item's ``pending_state``."""


def asked_by(items: Collection[int], wish: str) -> dict[int, tuple[str, str]]:
    """For each item the person and the note of its history, as far as that is known; the newest who wished it."""
    asked = defaultdict[int, tuple[str, str]](lambda: (NOBODY, _MEANWHILE))
    lately = OperatorAction.objects.filter(at__gt=timezone.now() - _LATELY, pending__gt=0, undone_at=None)
    # Steps are found by their action, not by their item.
    deeds = {deed.pk: deed for deed in lately}
    steps = OperatorStep.objects.filter(action_id__in=deeds, item_id__in=items).order_by("pk").defer("recipe")
    for step in steps:
        if step.before.get(WISH) == wish:
            deed = deeds[step.action_id]
            asked[step.item_id] = deed.actor, f"{_MEANWHILE}{f': {deed.note}' if deed.note else ''}"
    return asked

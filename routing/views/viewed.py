"""Tell the audit log who saw patient data."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.cache import cache

from routing.audit import audit
from routing.sight import Sight

WITHIN = timedelta(hours=1)
"""One person's visits to one thing are one line in this time, for pages refresh themselves."""


def note_view(user: User, kind: str, name: object, **detail: str) -> None:
    """``kind`` and ``name`` as in ``item 200``; ``detail`` may name patients.  Who sees none is not noted."""
    if not Sight.of(user).full:
        return
    # A name may be anything that a sender wrote; a key may not.
    key = hashlib.sha256(f"{user.pk} {kind} {name} {sorted(detail.items())}".encode()).hexdigest()
    if cache.add(f"viewed-{key}", True, WITHIN.total_seconds()):
        audit(user.get_username(), f"viewed {kind}", f"{kind} {name}", **{k: v for k, v in detail.items() if v})

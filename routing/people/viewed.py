"""Tell the audit log who saw patient data."""

from __future__ import annotations

from django.contrib.auth.models import User

from routing.audit.log import audit_once
from routing.people.sight import Sight


def note_view(user: User, kind: str, name: object, **detail: str) -> None:
    """``kind`` and ``name`` as in ``item 200``; ``detail`` may name patients.  Who sees none is not noted."""
    if Sight.of(user).full:
        told = {name: text for name, text in detail.items() if text}
        audit_once(user.get_username(), f"viewed {kind}", f"{kind} {name}", **told)

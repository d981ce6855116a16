"""The audit log: who did what, when, from where, to what, and how it ended, as one row that is never changed."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from routing.audit.origin import origin
from routing.audit.store import keep_strictly
from routing.models import Node

DONE, REFUSED, FAILED = "done", "refused", "failed"

ONCE_WITHIN = timedelta(hours=1)
"""What one person does again and again to one thing is one line in this time, for pages refresh themselves."""


def audit(actor: str, action: str, object: object, *, outcome: str = DONE, **detail: Any) -> None:
    """
    Note that ``actor`` (a user name, or the process) did ``action`` to ``object``.

    What is done to a node is found by the node, whatever its name becomes.
    Call it in the transaction of the deed.  ``detail`` holds JSON values.
    Where it cannot be noted the deed must not happen: AuditUnavailable.
    """
    here = origin()
    keep_strictly(
        [
            {
                "at": timezone.now(),
                "actor": actor[:150],
                "address": here.address[:45] if here else "",
                "action": action[:40],
                "outcome": outcome,
                "object": str(object)[:200],
                "node_id": object.pk if isinstance(object, Node) else None,
                "detail": detail,
            }
        ]
    )


def audit_here(action: str, object: object, *, outcome: str = DONE, **detail: Any) -> None:
    """The same for whoever this request or command is for; the engine's own doings are told elsewhere."""
    here = origin()
    if here is not None:
        audit(here.who(), action, object, outcome=outcome, **detail)


def audit_once(actor: str, action: str, object: object, **detail: Any) -> None:
    """The same, unless this very thing was noted within the hour."""
    # A name may be anything that a sender wrote; a key may not.
    told = f"{actor} {action} {object} {sorted(detail.items())}"
    key = f"noted-{hashlib.sha256(told.encode(errors='replace')).hexdigest()}"
    if not cache.add(key, True, ONCE_WITHIN.total_seconds()):
        return
    try:
        audit(actor, action, object, **detail)
    except Exception:
        # What is not on record has not been noted: the next time is to be.
        cache.delete(key)
        raise

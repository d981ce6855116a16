"""Who was refused is noted: for people, who may allow it, and in the audit log where it may be an attack."""

from __future__ import annotations

import logging

from django.db import Error as DatabaseProblem
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from routing.audit.store import AuditUnavailable, keep
from routing.models import UnknownSender
from routing.processes.application_log import first_line

log = logging.getLogger("capacitor.listener")

_MOST_UNKNOWN = 1000
"""Rows kept of unknown senders, the latest ones: a scanner with invented titles cannot fill the database."""


def note_unknown_sender(calling_ae_title: str, address: str, called_ae_title: str) -> bool:
    """
    Remember a refused sender for the dashboard, or a known one that called what means no node; whether it is new.

    A database that is busy or gone must not matter here.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            known = UnknownSender.objects.filter(
                ae_title=calling_ae_title, address=address, called_ae_title=called_ae_title
            )
            if not known.update(count=F("count") + 1, last_seen_at=now):
                if UnknownSender.objects.count() >= _MOST_UNKNOWN:
                    UnknownSender.objects.order_by("last_seen_at")[0].delete()
                UnknownSender.objects.create(
                    ae_title=calling_ae_title,
                    address=address,
                    called_ae_title=called_ae_title,
                    first_seen_at=now,
                    last_seen_at=now,
                )
                return True
    except DatabaseProblem as error:
        log.warning("refused sender could not be noted: %s", first_line(error))
    return False


def note_alert(action: str, what: str, **detail: object) -> None:
    """Tell the audit log of what may be an attack; here, too, the database must not matter."""
    row = {"at": timezone.now(), "actor": "listener", "action": action, "object": what, "detail": detail}
    try:
        keep([row])
    except (DatabaseProblem, AuditUnavailable) as error:
        log.warning("alert could not be noted: %s", first_line(error))

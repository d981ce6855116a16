"""What housekeeping does for the audit log: bring in what waits, seal, say the head, cut off what is old."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, IntegrityError

from routing.audit.chain import AT_ONCE, seal, shorten
from routing.audit.store import catch_up
from routing.models import AuditSeal
from routing.processes.application_log import first_line

log = logging.getLogger("capacitor.audit")
_MOST_LINKS = 20
"""Links that one round makes; the others wait for the next one."""
_MOST_CUTS = 20
"""
Removals of one look for what is old, each of several links.

Between two looks each round may make a link, so one removal would never get to the end of them.
"""


class AuditKeeper:
    """An audit log that fails keeps nobody else from working: it is tried again in the next round."""

    def __init__(self) -> None:
        self._failing = False
        self._told = ""

    def step(self, *, sweeping: bool, ahead: timedelta = timedelta()) -> int:
        """Returns how many records were sealed; ``ahead``: by how much the clock may be wrong."""
        sealed = 0
        try:
            catch_up()
            sealed = _seal_all()
            if sweeping:
                _shorten_all(ahead)
                self._tell_head()
        except DatabaseError as error:
            if not self._failing:
                log.error("the audit log cannot be kept: %s; trying again every round", first_line(error))
            self._failing = True
            return sealed
        self._failing = False
        return sealed

    def _tell_head(self) -> None:
        """Into the application log, which other machines may collect: who rewrites the chain cannot rewrite that."""
        head = AuditSeal.objects.order_by("-pk").values_list("pk", "hash").first()
        told = f"{head[0]}:{head[1]}" if head else ""
        if told != self._told:
            log.info("audit log sealed: %s (manage.py verify_audit --head checks it)", told)
        self._told = told


def _shorten_all(ahead: timedelta) -> None:
    kept = timedelta(seconds=settings.CAPACITOR.keep_audit) + ahead
    for _ in range(_MOST_CUTS):
        if not shorten(kept):
            break


def _seal_all() -> int:
    sealed = 0
    for _ in range(_MOST_LINKS):
        try:
            made = seal()
        except IntegrityError:
            # Somebody else made this very link: nothing is left to be done.
            break
        sealed += made
        if made < AT_ONCE:
            break
    return sealed

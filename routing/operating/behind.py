"""What takes long goes on behind the page: how far it is stands in its row, and whoever operates may stop it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import DatabaseError, Error, close_old_connections, connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from routing.audit.log import audit
from routing.database.away import is_away
from routing.models import OperatorAction
from routing.operating.operator_actions import Action, beat, perform
from routing.processes.application_log import first_line

log = logging.getLogger("capacitor.web")
BEHIND = 2_000
"""With more items than these nobody waits for the answer."""
_PATIENCE = 600.0
"""Seconds for which a step is tried again while the database is away or refuses it."""
_GIVEN_UP = OperatorAction.SILENT + timedelta(seconds=_PATIENCE)
"""Behind that it does not go on either when the database comes back."""
_SHOWN = timedelta(days=1)
_PAUSE = 1.0
_TOLD = ("moved", "pending", "untouched", "undo_until")
"""Columns by which the row tells what has been done."""


def _in_a_thread(work: Callable[[], None]) -> None:
    # What is done is done for the person who asked: who and from where goes along.
    context = copy_context()
    threading.Thread(target=lambda: context.run(work), name="deed", daemon=True).start()


run = _in_a_thread
pause = time.sleep


def perform_behind(action: Action, ids: Sequence[int], **about: Any) -> OperatorAction:
    """The same as ``perform`` does, begun and answered at once; ``about`` is what that takes."""
    now = timezone.now()
    row = OperatorAction.objects.create(
        at=now,
        beat_at=now,
        wanted=len(ids),
        actor=about["actor"],
        action=action,
        scope=about["scope"],
        note=about.get("note", "")[:200],
    )

    def work() -> None:
        try:
            insist = partial(_insist, row)
            perform(action, ids, **about, row=row, go_on=lambda: insist(lambda: beat(row)), insist=insist)
        except DatabaseError as error:
            log.error("what %s began with %d items has broken off: %s", row.actor, len(ids), first_line(error))
        except Exception:
            log.exception("what %s began with %d items has broken off", row.actor, len(ids))
        finally:
            connections.close_all()

    run(work)
    return row


def _insist(row: OperatorAction, step: Callable[[], Any]) -> Any:
    """
    Do one step of a deed; what a restart of the database, a lock or a deadlock ended is done again.

    A step that had been committed when its connection broke is not done twice:
    the row tells, which each step that moves items writes in its own transaction.
    Only the audit record that it began may then be there twice.
    """
    before = {name: getattr(row, name) for name in _TOLD}
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            close_old_connections()
            stored = OperatorAction.objects.values(*_TOLD).get(pk=row.pk)
            if stored != before:
                vars(row).update(stored)
                return None
            return step()
        except Error as error:
            if not is_away(error) or time.monotonic() > until:
                raise
            vars(row).update(before)
            log.warning("what %s began waits for the database: %s", row.actor, first_line(error))
            pause(_PAUSE)


def under_way() -> QuerySet[OperatorAction]:
    """What goes on behind the pages right now."""
    return OperatorAction.objects.filter(
        undo_until=None, stopped_at=None, beat_at__gt=timezone.now() - OperatorAction.SILENT
    )


def broken_off() -> QuerySet[OperatorAction]:
    """What ended with its web process in the last day; what it had done by then stays done."""
    now = timezone.now()
    silent = Q(beat_at=None) | Q(beat_at__lte=now - OperatorAction.SILENT)
    return OperatorAction.objects.filter(silent, undo_until=None, wanted__gt=0, at__gt=now - _SHOWN)


def note_broken_off() -> None:
    """Put it into the audit log, once, which knows only that it began; for housekeeping."""
    lost = OperatorAction.objects.filter(undo_until=None, wanted__gt=0, beat_at__lte=timezone.now() - _GIVEN_UP)
    for row in lost:
        with transaction.atomic():
            # The sign of life goes, so that nobody else notes it, too.
            if OperatorAction.objects.filter(pk=row.pk, undo_until=None, beat_at=row.beat_at).update(beat_at=None):
                done = row.moved + row.pending
                audit("housekeeping", f"broken off {row.action}", f"{done} of {row.wanted} items", begun_by=row.actor)
                log.warning("what %s began has broken off: %d of %d items were done", row.actor, done, row.wanted)


def stop(row: OperatorAction, actor: str) -> bool:
    """Let it end after the items in hand; False when there is nothing to stop."""
    stopped = under_way().filter(pk=row.pk).update(stopped_at=timezone.now())
    if stopped:
        audit(actor, f"stop {row.action}", f"{row.wanted} items", begun_by=row.actor)
    return bool(stopped)

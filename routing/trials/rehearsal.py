"""Begin and end rehearsals, and choose the images for them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from routing.audit.log import audit
from routing.core.identifiers import first_at
from routing.engine.rehearsing.rehearse import met_scripts
from routing.folders import run_folder
from routing.models import QueueItem, Rehearsal
from routing.models.querysets import QueueItemQuerySet
from routing.processes.wakeup import wake
from scripts_app.core.collection import Collection
from scripts_app.core.script_content import fingerprint
from scripts_app.views.request import EDIT

AUTHOR = (EDIT, "routing.view_queueitem")
"""Who tries scripts with images of the queue, and sees what came of it."""
MOST_IMAGES = 5000
HOW_MANY = (100, 500, 2000)
"""Of the newest images, as the pages offer them."""


class Unbegun(Exception):
    """There is nothing to rehearse; the text says why."""


def newest(count: int) -> list[int]:
    """The last images that the scripts are done with, the newest first."""
    return list(QueueItem.objects.filter(met_scripts()).order_by("-pk").values_list("pk", flat=True)[:count])


def received_of(items: QueueItemQuerySet) -> list[int]:
    """The received images that these items are, or were made from; newest first, at most MOST_IMAGES."""
    found: dict[int, None] = {}
    rows = items.order_by("-pk").only("pk", "received_id", "replay_of", "copied_from")
    for item in rows[: 4 * MOST_IMAGES]:
        found.setdefault(item.decided_in)
    done = QueueItem.objects.filter(met_scripts())
    there: set[int] = set()
    ids = list(found)
    for at in range(0, len(ids), 500):
        there.update(done.filter(pk__in=ids[at : at + 500]).values_list("pk", flat=True))
    return [item_id for item_id in ids if item_id in there][:MOST_IMAGES]


@transaction.atomic
def begin(content: Collection, items: Sequence[int], scope: str, actor: str) -> Rehearsal:
    """Let a worker run ``content`` over these images; Unbegun without any."""
    if not items:
        raise Unbegun("the scripts have met none of these images yet")
    return _made(Rehearsal.Kind.PAST, content, scope, actor, items=list(items[:MOST_IMAGES]))


@transaction.atomic
def begin_shadow(content: Collection, actor: str) -> Rehearsal:
    """Let ``content`` run beside the active scripts from now on; Unbegun while one does."""
    if running := Rehearsal.objects.filter(kind=Rehearsal.Kind.SHADOW, state__in=Rehearsal.OPEN).first():
        if running.fingerprint == fingerprint(content):
            raise Unbegun(f"this very draft runs as a shadow already, since {running.created_by} began it")
        raise Unbegun("another draft runs as a shadow; end that one first")
    scope = "images that come in"
    return _made(Rehearsal.Kind.SHADOW, content, scope, actor, position=first_at(timezone.now()))


def _made(kind: str, content: Collection, scope: str, actor: str, **columns: object) -> Rehearsal:
    made = Rehearsal.objects.create(
        kind=kind, content=content, fingerprint=fingerprint(content), scope=scope[:200], created_by=actor, **columns
    )
    audit(actor, "begin rehearsal", made, kind=str(kind))
    transaction.on_commit(lambda: wake(run_folder(), "rehearse"))
    return made


@transaction.atomic
def end(rehearsal_id: int, actor: str) -> bool:
    """Stop one that is still open; whether it was."""
    row = Rehearsal.objects.select_for_update().filter(pk=rehearsal_id).first()
    if row is None or not row.open:
        return False
    row.state, row.ended_at = Rehearsal.State.STOPPED, timezone.now()
    row.save(update_fields=["state", "ended_at"])
    audit(actor, "end rehearsal", row, tried=row.tried)
    return True

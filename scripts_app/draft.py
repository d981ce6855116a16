"""The draft: what people have changed and not activated yet, and how two of them do not lose each other's work."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from scripts_app.activation import activate, stored_collection
from scripts_app.core.collection import Collection, Difference, differences, merged
from scripts_app.core.script_content import fingerprint
from scripts_app.models import Activation, ScriptDraft
from scripts_app.outside import outside
from scripts_app.revision import hold


class DraftMoved(Exception):
    """Somebody else has changed the draft since this person looked at it."""


class PartMoved(Exception):
    """Somebody else has changed the very entry or file; ``theirs`` is what it is now, None when it is gone."""

    def __init__(self, theirs: Any) -> None:
        super().__init__("changed meanwhile")
        self.theirs = theirs


class BaseMoved(Exception):
    """The active scripts have changed since the draft began; activating would undo that."""


@dataclass(frozen=True, slots=True)
class Working:
    """What people edit: the draft, or the active scripts as long as nobody has changed anything."""

    content: Collection
    base: Collection
    counter: int
    """0: there is no draft."""
    updated_by: str = ""
    updated_at: datetime | None = None

    def differences(self) -> list[Difference]:
        return differences(self.base, self.content)


def working() -> Working:
    row = ScriptDraft.objects.filter(pk=1).first()
    if row is None:
        active = stored_collection()
        return Working(active, active, 0)
    return Working(row.content, row.base, row.counter, row.updated_by, row.updated_at)


def mark_of(part: Any) -> str:
    """What a form carries to notice that the part has changed under it."""
    return "" if part is None else fingerprint({"part": part})


def check_mark(part: Any, mark: str) -> None:
    """PartMoved unless ``part`` is still what the form was made from."""
    if mark_of(part) != mark:
        raise PartMoved(part)


@transaction.atomic
def change(actor: str, edit: Callable[[Collection], None]) -> None:
    """Let ``edit`` change the draft in place; what it raises leaves everything as it was."""
    row = _locked() or _begun(actor)
    before = copy.deepcopy(row.content)
    edit(row.content)
    if made := differences(before, row.content):
        outside.audit(actor, "edit scripts", "draft", changes=[f"{found.kind}: {found.title}" for found in made])
    if row.content == row.base:
        row.delete()
        return
    row.counter += 1
    row.updated_by = actor
    row.save()


@transaction.atomic
def activate_draft(counter: int, actor: str, reason: str) -> Activation:
    """DraftMoved when it is not the draft that the person has seen, BaseMoved when the active scripts are others."""
    # Before the draft, as whoever renames a node.
    hold()
    row = _locked()
    if row is None or row.counter != counter:
        raise DraftMoved
    if row.base != stored_collection():
        raise BaseMoved
    made = activate(row.content, actor, reason)
    row.delete()
    return made


@transaction.atomic
def take_over(actor: str) -> list[Difference]:
    """Bring what became active meanwhile into the draft; answers what both have changed, where the draft's stays."""
    row = _locked()
    if row is None:
        raise DraftMoved
    active, before = stored_collection(), row.content
    row.content, both = merged(row.base, before, active)
    row.base = active
    changes = [f"{found.kind}: {found.title}" for found in differences(before, row.content)]
    outside.audit(actor, "take over active scripts", "draft", changes=changes)
    if row.content == row.base:
        row.delete()
        return both
    row.counter += 1
    row.updated_by = actor
    row.save()
    return both


@transaction.atomic
def discard(counter: int) -> None:
    """DraftMoved when it is not the draft that the person has seen."""
    if not ScriptDraft.objects.filter(pk=1, counter=counter).delete()[0]:
        raise DraftMoved


def _begun(actor: str) -> ScriptDraft:
    """A draft in which nothing is changed yet, or the one that somebody else has begun at this moment."""
    while True:
        active = stored_collection()
        # Another number than any draft before it has had, so that nobody activates one draft having seen another.
        first = {"content": active, "base": active, "counter": time.time_ns() // 1000, "updated_by": actor}
        ScriptDraft.objects.get_or_create(pk=1, defaults=first)
        if row := _locked():
            return row


def _locked() -> ScriptDraft | None:
    return ScriptDraft.objects.select_for_update().filter(pk=1).first()

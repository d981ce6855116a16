"""Entries are for a node, whatever it is called: they follow it when it gets another AE title."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from scripts_app.activation import note_activation, stored_collection
from scripts_app.core.collection import Collection, differences
from scripts_app.models import LuaEntry, ScriptDraft, ScriptTest
from scripts_app.outside import outside
from scripts_app.revision import hold


@transaction.atomic
def rename_destination(old: str, new: str, *, actor: str) -> int:
    """
    Let what is for the destination ``old`` be for ``new``; answers how many active entries that are.

    An entry left behind would run no more, without a word, and images would
    leave for the node without it.  What the draft holds follows, too, and so do
    the tests: else none of them would let a draft become active.
    """
    hold()
    before = stored_collection()
    rows = [row for row in LuaEntry.objects.select_for_update() if old in row.ae_titles]
    for row in rows:
        row.ae_titles = _renamed(row.ae_titles, old, new)
        row.save(update_fields=["ae_titles", "updated_at"])
    if rows:
        reason = f"node {old} is {new} now"
        made = note_activation(actor, reason)
        changes = [f"{found.kind}: {found.title}" for found in differences(before, stored_collection())]
        outside.audit(actor, "activate scripts", made.version if made else "scripts", reason=reason, changes=changes)
    draft = ScriptDraft.objects.select_for_update().filter(pk=1).first()
    if draft is not None:
        followed = [_follow(side, old, new) for side in (draft.base, draft.content)]
        if any(followed):
            draft.counter += 1
            draft.save(update_fields=["base", "content", "counter"])
    for test in ScriptTest.objects.defer("image").select_for_update():
        if _follow_in_test(test, old, new):
            test.save(update_fields=["destination_ae_title", "given", "expected"])
    return len(rows)


def _follow(collection: Collection, old: str, new: str) -> bool:
    """In place; whether any entry is for it."""
    concerned = [entry for entry in collection["entries"] if old in entry["ae_titles"]]
    for entry in concerned:
        entry["ae_titles"] = _renamed(entry["ae_titles"], old, new)
    return bool(concerned)


def _follow_in_test(test: ScriptTest, old: str, new: str) -> bool:
    """In place; whether it has anything to do with it."""
    places = [(place, "destination") for place in (*test.expected["outputs"], *test.expected.get("checks", ()))]
    places += [(item, "destination_ae_title") for item in test.given.get("items", ())]
    places += [(vars(test), "destination_ae_title")]
    concerned = [(place, name) for place, name in places if place[name] == old]
    for place, name in concerned:
        place[name] = new
    nodes = test.given.get("nodes", {})
    if told := old in nodes:
        test.given["nodes"] = {new if title == old else title: as_set for title, as_set in nodes.items()}
    return told or bool(concerned)


def _renamed(ae_titles: Sequence[str], old: str, new: str) -> list[str]:
    return list(dict.fromkeys(new if title == old else title for title in ae_titles))

"""Carry out an import plan."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import transaction

from routing.audit.log import audit
from routing.configuration.agreement import PlanMoved, mark_of
from routing.configuration.plan import Plan, make_plan
from routing.configuration.reading import read_configuration
from routing.models import KnownSender, Node
from scripts_app.activation import note_activation, write_conditions
from scripts_app.configuration.lua_yml import WrittenEntry
from scripts_app.models import LuaEntry, LuaLibrary
from scripts_app.revision import hold


def import_directory(
    root: Path,
    *,
    actor: str,
    only_plan: bool = False,
    name: str = "",
    agreed: str | None = None,
    as_it_was: bool = False,
) -> Plan:
    """
    Make nodes, senders and scripts what the directory says, all in one transaction; answer what was done.

    ConfigurationError lists every mistake; nothing is changed then, nor when
    ``only_plan`` is set.  ``name`` is what the audit log calls the directory
    when not by its own.  With ``agreed``, the mark of a plan that somebody has
    seen, PlanMoved tells that it would not be the one that is applied.
    ``as_it_was`` is for what this router wrote itself; see read_configuration.
    """
    name = name or root.name
    desired = read_configuration(root, settings.CAPACITOR, as_it_was=as_it_was)
    with transaction.atomic():
        if not only_plan:
            # Else two that import at the same moment both apply what they have planned for what was there before.
            hold()
        plan = make_plan(desired)
        plan.mark = mark_of(plan)
        if agreed is not None and agreed != plan.mark:
            raise PlanMoved(plan)
        if plan.steps and not only_plan:
            apply(plan)
            note_activation(actor, f"imported from {name}")
            audit(actor, "import configuration", name, steps=[str(step) for step in plan.steps])
    return plan


@transaction.atomic
def apply(plan: Plan) -> None:
    """Change the tables; workers notice by the revision of the scripts, listeners by their next look at the nodes."""
    for node, wanted in plan.nodes:
        row = node or Node()
        for column, value in wanted.values.items():
            setattr(row, column, value)
        row.save()
    for node, aliases in plan.nodes_to_disable:
        node.enabled, node.aliases = False, aliases
        node.save(update_fields=["enabled", "aliases", "updated_at"])
    for node in plan.nodes_to_remove:
        node.delete()

    for sender, said in plan.senders:
        known = sender or KnownSender()
        for column, value in said.values.items():
            setattr(known, column, value)
        known.save()
    for known in plan.senders_to_remove:
        known.delete()

    for path, source in plan.libraries.items():
        LuaLibrary.objects.update_or_create(path=path, defaults={"source": source})
    if plan.entries is not None:
        libraries = {library.path: library for library in LuaLibrary.objects.all()}
        for position, (entry, written, changed) in enumerate(plan.entries, start=1):
            _write_entry(entry, written, changed, position, libraries.get(written.library))
    for entry in plan.entries_to_remove:
        entry.delete()
    # Last: an entry that still named the file would forbid it.
    LuaLibrary.objects.filter(path__in=plan.libraries_to_remove).delete()


def _write_entry(
    row: LuaEntry | None, written: WrittenEntry, changed: bool, position: int, library: LuaLibrary | None
) -> None:
    if row is not None and not changed and row.position == position:
        return
    row = row or LuaEntry()
    row.position = position
    row.description = written.description
    row.script = written.script
    row.library = library
    row.ae_titles = list(written.ae_titles)
    row.on_error = written.on_error
    row.enabled = written.enabled
    row.save()
    if changed:
        row.conditions.all().delete()
        write_conditions(row, written.conditions)

"""What an import would add, change and remove: said before anything is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from routing.configuration.node_keys import KEYS, values_of
from routing.configuration.nodes_yml import WrittenNode
from routing.configuration.reading import Desired
from routing.configuration.senders_yml import KEYS as SENDER_KEYS
from routing.configuration.senders_yml import WrittenSender, sender_of
from routing.models import KnownSender, Node, QueueItem
from scripts_app.configuration.lua_yml import WrittenEntry
from scripts_app.core.conditions.condition import Condition
from scripts_app.loader import conditions_of
from scripts_app.models import LuaEntry, LuaLibrary

SENDERS = (
    "the product takes images from anybody; this router refuses senders it does not know."
    " Allow each on the dashboard, under Senders or in senders.yml, or set CAPACITOR_ACCEPT_UNKNOWN_SENDERS=1"
)


@dataclass(frozen=True, slots=True)
class Step:
    action: str
    """add, change, disable or remove."""
    what: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.action:<8}{self.what}" + (f": {self.detail}" if self.detail else "")


@dataclass
class Plan:
    """The steps in words, and the rows and values they are about."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    nodes: list[tuple[Node | None, WrittenNode]] = field(default_factory=list)
    nodes_to_disable: list[tuple[Node, list[str]]] = field(default_factory=list)
    """Each with the aliases that it keeps."""
    nodes_to_remove: list[Node] = field(default_factory=list)
    senders: list[tuple[KnownSender | None, WrittenSender]] = field(default_factory=list)
    senders_to_remove: list[KnownSender] = field(default_factory=list)
    libraries: dict[str, str] = field(default_factory=dict)
    """Those to write."""
    libraries_to_remove: list[str] = field(default_factory=list)
    entries: list[tuple[LuaEntry | None, WrittenEntry, bool]] | None = None
    """All entries in their new order, each with its row and whether its content changes; None: they stay."""
    entries_to_remove: list[LuaEntry] = field(default_factory=list)
    mark: str = ""
    """What somebody agrees to who has seen the plan; see agreement.py."""

    def lines(self) -> list[str]:
        return [str(step) for step in self.steps] + [f"{'note':<8}{note}" for note in self.notes]

    def summary(self) -> str:
        if not self.steps:
            return "nothing to change"
        counts = Counter(step.action for step in self.steps)
        return ", ".join(f"{action} {number}" for action, number in counts.items())


def make_plan(desired: Desired) -> Plan:
    """Compare what is wanted with the tables; call it in the transaction that will apply it."""
    plan = Plan(notes=list(desired.notes))
    if desired.nodes is not None:
        _plan_nodes(plan, desired.nodes)
    if desired.senders is not None:
        _plan_senders(plan, desired.senders)
    if desired.entries is not None and desired.libraries is not None:
        _plan_libraries(plan, dict(desired.libraries))
        _plan_entries(plan, desired.entries)
    if desired.senders is None and not settings.CAPACITOR.accept_unknown_senders:
        plan.notes.append(SENDERS)
    return plan


def written_entry(row: LuaEntry) -> WrittenEntry:
    """The row as lua.yml would say it."""
    return WrittenEntry(
        description=row.description,
        script="" if row.library else row.script,
        library=row.library.path if row.library else "",
        conditions=conditions_of(list(row.conditions.all())),
        ae_titles=tuple(row.ae_titles),
        on_error=row.on_error,
        enabled=row.enabled,
    )


def stored_entries() -> list[LuaEntry]:
    return list(LuaEntry.objects.select_related("library").prefetch_related("conditions"))


def _plan_nodes(plan: Plan, wanted: Sequence[WrittenNode]) -> None:
    # Locked: all their columns are written, and what somebody presses meanwhile would be undone without a word.
    rows = {(row.ae_title, row.role): row for row in Node.objects.select_for_update(no_key=True)}
    for node in wanted:
        row = rows.pop(node.identity, None)
        what = "node {} ({})".format(*node.identity)
        if row is None:
            plan.steps.append(Step("add", what, f"{node.values['host']}:{node.values['port']}"))
            plan.nodes.append((None, node))
            continue
        old = values_of(row)
        changes = [
            f"{key.name} {_said(old[key.column])} -> {_said(node.values[key.column])}"
            for key in KEYS
            if old[key.column] != node.values[key.column]
        ]
        if changes:
            plan.steps.append(Step("change", what, ", ".join(changes)))
            plan.nodes.append((row, node))
    taken = {title for node in wanted if node.for_storage for title in (node.identity[0], *node.values["aliases"])}
    for row in rows.values():
        _plan_gone(plan, row, taken)


def _plan_gone(plan: Plan, row: Node, taken: Collection[str]) -> None:
    """A node that is not wanted; while images are for it, it stays without the titles that lead elsewhere now."""
    what = f"node {row.ae_title} ({row.role})"
    waiting = QueueItem.objects.queued().filter(node=row).count()
    if not waiting:
        plan.steps.append(Step("remove", what))
        plan.nodes_to_remove.append(row)
        return
    given = [alias for alias in row.aliases if alias.strip(" ") in taken]
    why = f"{waiting} images in the queue are for it"
    told = f"{why}; its aliases {', '.join(given)} go to another node" if given else why
    if row.enabled:
        plan.steps.append(Step("disable", what, f"not removed: {told}"))
    elif given:
        plan.steps.append(Step("change", what, f"stays, disabled: {told}"))
    else:
        plan.notes.append(f"{what} stays, disabled: {told}")
    if row.enabled or given:
        plan.nodes_to_disable.append((row, [alias for alias in row.aliases if alias not in given]))
    if row.ae_title in taken:
        # A node's own title wins over aliases (D1).
        plan.notes.append(f"{what} keeps its AE title: calls for {row.ae_title} are refused until it is removed")


def _plan_senders(plan: Plan, wanted: Sequence[WrittenSender]) -> None:
    rows = {(row.ae_title, row.network): row for row in KnownSender.objects.select_for_update(no_key=True)}
    for sender in wanted:
        row = rows.pop(sender.identity, None)
        old = sender_of(row).values if row else {}
        changes = [
            f"{name} {_said(old[column])} -> {_said(sender.values[column])}"
            for name, column in SENDER_KEYS.items()
            if row and old[column] != sender.values[column]
        ]
        if row is None:
            plan.steps.append(Step("add", str(sender), sender.description))
        elif changes:
            plan.steps.append(Step("change", str(sender), ", ".join(changes)))
        else:
            continue
        plan.senders.append((row, sender))
    plan.senders_to_remove = list(rows.values())
    plan.steps += [Step("remove", str(sender_of(row))) for row in plan.senders_to_remove]


def _plan_libraries(plan: Plan, wanted: dict[str, str]) -> None:
    stored = dict(LuaLibrary.objects.values_list("path", "source"))
    for path, source in sorted(wanted.items()):
        if path not in stored:
            plan.steps.append(Step("add", f"file {path}", f"{source.count(chr(10)) + 1} lines"))
        elif stored[path] != source:
            plan.steps.append(Step("change", f"file {path}"))
        else:
            continue
        plan.libraries[path] = source
    plan.libraries_to_remove = sorted(set(stored) - set(wanted))
    plan.steps += [Step("remove", f"file {path}") for path in plan.libraries_to_remove]


def _plan_entries(plan: Plan, wanted: Sequence[WrittenEntry]) -> None:
    """Rows keep their identity where description (else script) says that they are the same entry."""
    rows: dict[str, list[LuaEntry]] = {}
    order: dict[int, int] = {}
    for place, row in enumerate(stored_entries()):
        order[row.id] = place
        rows.setdefault(_identity(written_entry(row)), []).append(row)
    plan.entries, last = [], -1
    for number, entry in enumerate(wanted, start=1):
        same = rows.get(_identity(entry))
        what = f"entry {number} {_title(entry)}"
        if not same:
            plan.steps.append(Step("add", what, _scope(entry)))
            plan.entries.append((None, entry, True))
            continue
        row = same.pop(0)
        changes = _entry_changes(written_entry(row), entry)
        moved = order[row.id] < last
        last = max(last, order[row.id])
        if changes or moved:
            plan.steps.append(Step("change", what, ", ".join(changes + ["order"] * moved)))
        plan.entries.append((row, entry, bool(changes)))
    for row in sorted((row for left in rows.values() for row in left), key=lambda row: order[row.id]):
        plan.steps.append(Step("remove", f"entry {_title(written_entry(row))}"))
        plan.entries_to_remove.append(row)


def _entry_changes(old: WrittenEntry, new: WrittenEntry) -> list[str]:
    script = (old.script, old.library) != (new.script, new.library)
    changes = ["Script"] * script + ["Conditions"] * (old.conditions != new.conditions)
    for name, before, after in (
        ("AeTitles", list(old.ae_titles), list(new.ae_titles)),
        ("OnError", old.on_error, new.on_error),
        ("Enabled", old.enabled, new.enabled),
    ):
        if before != after:
            changes.append(f"{name} {_said(before)} -> {_said(after)}")
    return changes


def _identity(entry: WrittenEntry) -> str:
    return entry.description or entry.library or entry.script


def _title(entry: WrittenEntry) -> str:
    return repr(entry.description or entry.library or entry.script.strip().splitlines()[0][:60])


def _scope(entry: WrittenEntry) -> str:
    """In a few words when the entry runs."""
    when = [f"{c.tag} {c.match_expression}".strip() for c in _flat(entry.conditions)]
    where = [f"for {', '.join(entry.ae_titles)}"] if entry.ae_titles else []
    words = ([f"when {' and '.join(when)}"] if when else []) + where
    return ("" if entry.enabled else "disabled; ") + (", ".join(words) or "every image")


def _flat(conditions: Iterable[Condition]) -> Iterable[Condition]:
    for condition in conditions:
        yield condition
        yield from _flat(condition.sequence_items)


def _said(value: Any) -> str:
    match value:
        case None | "" | []:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case list():
            return json.dumps(value, ensure_ascii=False)
    return str(value)

"""What the API's calls work on: the workspace, the facts, and which entry runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scripts_app.core.dataset.document import Document, EditRecord, View
from scripts_app.core.lua.errors import ApiMisuse, OverBudget
from scripts_app.core.lua.log import ScriptLog
from scripts_app.core.outcome import Change
from scripts_app.core.ports import Facts
from scripts_app.core.scoped_state import Node
from scripts_app.core.workspace import Target, Workspace

Call = Callable[["Host", int, int | None, Any, Any], Any]
"""
The Python side of one method: handle of its object, the author's line (where
the table wants it recorded) and two arguments.  It answers a value, or a value
with the shape that Lua gives it, and what the shape needs besides.
"""


class Host:
    """One for each VM; Lua knows views and tables by handles that are numbers here."""

    def __init__(
        self, workspace: Workspace, facts: Facts, log: ScriptLog, study_instance_uid: str, budget: int
    ) -> None:
        """``budget``: bytes of text that scripts may hand over; it leaves the VM, whose own limit ends there."""
        self.workspace = workspace
        self.facts = facts
        self.log = log
        self.entry = 0
        """Number of the entry that runs, or whose route function does."""
        self.in_function = False
        self.study_instance_uid = study_instance_uid
        """As received: a script that changes it asks about the same study as before."""
        self._budget = budget
        self.runtime: Any = None
        """The VM, as long as it lives; calls that answer with tables need it."""
        self._views: list[tuple[Target, View]] = []
        self._nodes: dict[int, tuple[str, Node]] = {}
        self._node_handles: dict[int, int] = {}
        self.add_view(workspace.own, workspace.own.document.root)

    def add_view(self, target: Target, view: View) -> int:
        """Handle of a view; the image's own data set has 1."""
        self._views.append((target, view))
        return len(self._views)

    def add_copy(self, document: Document, destination: str) -> tuple[Target, int]:
        target = Target(document, destination)
        return target, self.add_view(target, document.root)

    def view(self, handle: int) -> View:
        return self._views[handle - 1][1]

    def target(self, handle: int) -> Target:
        return self._views[handle - 1][0]

    def kept(self, value: Any) -> Any:
        """The value itself, paid from the budget; OverBudget when that is used up."""
        self._budget -= _size(value)
        if self._budget < 0:
            raise OverBudget
        return value

    def writable(self, handle: int) -> View:
        """The view, if its data set may still be edited."""
        target, view = self._views[handle - 1]
        if target.closed:
            raise ApiMisuse(target.closed)
        return view

    def record(self, handle: int, operation: str, records: Iterable[EditRecord], line: int | None) -> None:
        """Keep edits for the audit log; what the author should know goes to the item log, too."""
        target = self.target(handle)
        for edit in records:
            for part in (edit, *edit.also):
                target.changes.append(
                    Change(
                        operation,
                        part.path,
                        part.keyword,
                        part.old,
                        part.new,
                        self.entry,
                        line,
                        target.destination,
                    )
                )
                if part.note:
                    where = f"{part.path} {part.keyword}".rstrip()
                    self.log.write("item", "warning", f"{where}: {part.note}", self.entry, line)

    def node(self, handle: Any) -> Node:
        """A table of study or series; their roots go by these names."""
        if isinstance(handle, bytes):
            return self.workspace.states[handle.decode()].root
        return self._nodes[handle][1]

    def scope_of(self, handle: Any) -> str:
        """study or series."""
        return handle.decode() if isinstance(handle, bytes) else self._nodes[handle][0]

    def node_handle(self, parent: Any, node: Node) -> int:
        """Handle of a table kept in ``parent``; always the same one for the same table."""
        handle = self._node_handles.setdefault(id(node), len(self._node_handles) + 1)
        self._nodes[handle] = (self.scope_of(parent), node)
        return handle


def _size(value: Any) -> int:
    """Length of all text in a value."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_size, value))
    return 8

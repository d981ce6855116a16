"""What the API's table says about each object and its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    """As Lua names it: string, table, function, number, value."""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One method, field or plain function."""

    name: str
    help: str
    """One line."""
    parameters: tuple[Parameter, ...] = ()
    result: str = ""
    """Type of what it returns; empty for nothing."""
    errors: str = ""
    """When it raises a script error, beyond arguments of a wrong type."""
    example: str = ""
    """Lua that runs in an entry; of values by their kind's name, as ``item`` and ``list``."""
    field: bool = False
    recorded: bool = False
    """Does the call's line belong in the audit log?"""


@dataclass(frozen=True, slots=True)
class ApiObject:
    name: str
    """As authors write it: dataset, study.queue; for objects without a global, their kind."""
    help: str
    members: tuple[Member, ...] = ()
    kind: Literal["object", "table", "function", "value"] = "object"
    """object: fixed members; table: the author's own keys, too; value: no global, returned by a call."""
    example: str = ""
    """Of what no member shows."""

    def signature(self, member: Member) -> str:
        """``dataset:Get(path)``; optional parameters stand in brackets."""
        if member.field:
            return f"{self.name}.{member.name}"
        written = ""
        for parameter in member.parameters:
            separator = ", " if written else ""
            name = f"{separator}{parameter.name}"
            written += f"[{name}]" if parameter.optional else name
        called = member.name if self.kind == "function" else f"{self.name}:{member.name}"
        return f"{called}({written})"

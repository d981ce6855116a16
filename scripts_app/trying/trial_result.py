"""The answer of a dry run as the page shows it: entries, a card for each destination, states side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts_app.core.collection import Collection
from scripts_app.outside import Leaving, outside

NOTHING: Mapping[str, Any] = {"outputs": [], "printed": [], "logged": [], "state_before": {"study": {}, "series": {}}}
"""Of a run that had to be killed, which is all that is known then."""


@dataclass(frozen=True, slots=True)
class Card:
    """One image that would leave."""

    number: int
    output: Mapping[str, Any]
    differences: list[Mapping[str, Any]]
    cut: bool
    leaving: Leaving


@dataclass(frozen=True, slots=True)
class StateRow:
    """One value of study or series."""

    name: str
    before: Any
    after: Any
    had: bool
    has: bool

    @property
    def changed(self) -> bool:
        return self.had != self.has or self.before != self.after


def shown_result(result: Mapping[str, Any], content: Collection, here: str) -> dict[str, Any]:
    """What the template needs; ``here``: the key of the entry that stands in the editor."""
    details = result.get("details") or NOTHING
    entries = [entry for entry in content["entries"] if entry["enabled"]]
    return {
        "result": result,
        "details": details,
        "rows": [
            (number, entry["key"] == here, report)
            for number, (entry, report) in enumerate(zip(entries, result["entries"], strict=False), start=1)
        ],
        "cards": list(_cards(result, details)),
        "states": list(_states(details["state_before"], result["state"])),
    }


def _cards(result: Mapping[str, Any], details: Mapping[str, Any]) -> Iterator[Card]:
    for number, (output, more) in enumerate(zip(result["outputs"], details["outputs"], strict=False), start=1):
        leaving = outside.leaving(output["destination"], more["sop_class_uid"], more["transfer_syntax_uid"])
        yield Card(number, output, more["differences"], more["cut"], leaving)


def _states(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[StateRow]:
    for scope in ("study", "series"):
        old, new = before[scope], after[scope]
        for key in {**old, **new}:
            yield StateRow(f"{scope}.{key}", old.get(key), new.get(key), key in old, key in new)

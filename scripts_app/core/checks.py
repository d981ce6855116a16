"""Single expectations of a stored test: where an image goes, what stands in it, what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scripts_app.core.conditions.errors import WrongCondition
from scripts_app.core.conditions.pattern import read_pattern
from scripts_app.core.conditions.quoted import quoted
from scripts_app.core.dataset.errors import DatasetError
from scripts_app.core.dataset.path import parsed

KINDS = {
    "goes": "goes to",
    "not": "does not go to",
    "equals": "element equals",
    "matches": "element matches",
    "absent": "element is absent",
    "log": "a log line contains",
}
"""With the words that pages use."""
_OF_ELEMENTS = ("equals", "matches", "absent")


@dataclass(frozen=True, slots=True)
class Check:
    kind: str
    destination: str = ""
    """AE title; of element checks empty for every image that leaves."""
    path: str = ""
    value: str = ""

    def problem(self) -> str:
        """Why it cannot be checked; empty when it can."""
        if self.kind not in KINDS:
            return f"{self.kind!r} is no kind of expectation"
        if self.kind in ("goes", "not"):
            return "" if self.destination else f"{KINDS[self.kind]}: choose a destination"
        if self.kind == "log":
            return "" if self.value else "a log line contains: write what"
        try:
            parsed(self.path)
            if self.kind == "matches":
                read_pattern(self.value)
        except (DatasetError, WrongCondition) as error:
            return f"{KINDS[self.kind]}: {error}"
        return ""

    def failures(self, result: Mapping[str, Any]) -> Iterable[str]:
        """What a result with details has against it, in words."""
        outputs = result["outputs"]
        if self.kind in ("goes", "not"):
            there = any(output["destination"] == self.destination for output in outputs)
            if there != (self.kind == "goes"):
                yield f"an image goes to {self.destination}" if there else f"nothing goes to {self.destination}"
        elif self.kind == "log":
            lines = [*result["item_log"], *(line["message"] for line in result["log"])]
            if not any(self.value in line for line in lines):
                yield f"no log line contains {quoted(self.value)}"
        else:
            yield from self._of_elements(outputs, (result.get("details") or {}).get("outputs") or ())

    def _of_elements(self, outputs: Sequence[Mapping[str, Any]], details: Sequence[Mapping[str, Any]]) -> Iterable[str]:
        for output, more in zip(outputs, details, strict=False):
            if self.destination not in ("", output["destination"]):
                continue
            read = {(path, pattern): rest for path, pattern, *rest in more["read"]}
            if wrong := self._wrong(*read.get(self.reading, (False, None, False))):
                yield f"{output['destination']}: {self.path} {wrong}"
        if self.destination and all(output["destination"] != self.destination for output in outputs):
            yield f"{self.path} for {self.destination}: nothing goes there"

    @property
    def reading(self) -> tuple[str, str]:
        """What a run has to read for it: a path, and the pattern to match."""
        return self.path, self.value if self.kind == "matches" else ""

    def _wrong(self, there: bool, value: str | None, matches: bool, problem: str = "") -> str:
        if problem:
            return f"cannot be read: {problem}"
        if self.kind == "absent":
            said = "is there" if value is None else f"is {quoted(value)}"
            return f"{said}, expected absent" if there else ""
        wanted = quoted(self.value) if self.kind == "equals" else f"to match {quoted(self.value)}"
        if not there:
            return f"is absent, expected {wanted}"
        if value is None:
            return f"has no text, expected {wanted}"
        right = value == self.value if self.kind == "equals" else matches
        return "" if right else f"is {quoted(value)}, expected {wanted}"


def checks_of(expected: Mapping[str, Any]) -> list[Check]:
    """Those of a stored test's expectations."""
    return [Check(**written) for written in expected.get("checks", ())]


def with_checks(expected: Mapping[str, Any], checks: Iterable[Check], *, exactly: bool) -> dict[str, Any]:
    """``exactly``: everything else has to be as it was when the test was kept, too."""
    return {**expected, "checks": [asdict(check) for check in checks], "exactly": exactly}


def readings_of(expected: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a run has to read in each output: paths with patterns."""
    return list(dict.fromkeys(check.reading for check in checks_of(expected) if check.kind in _OF_ELEMENTS))

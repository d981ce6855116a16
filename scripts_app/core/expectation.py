"""What a stored test expects of a dry run, and where a result differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts_app.core.checks import checks_of
from scripts_app.core.comparison import told_apart
from scripts_app.core.conditions.quoted import quoted

_ANY = "any"
"""Marks a value that is another one at each run, such as a new UID."""


def expected_of(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """
    What two results of the same run have in common, as JSON values.

    ``{"result": ..., "outputs": [{"destination", "original", "changes": {tag: new or None when removed}}]}``; a
    value that the two runs do not share stands as ``{"any": true}``.  Outputs with edits inside sequences have the
    ``order`` of these and, where the two runs share it, the ``sum`` of what leaves.
    """
    expected, other = _told(first), _told(second)
    for output, again in zip(expected["outputs"], other["outputs"], strict=False):
        if "sum" in output and output["sum"] != again.get("sum"):
            del output["sum"]
        for tag, value in output["changes"].items():
            if again["changes"].get(tag) != value:
                output["changes"][tag] = {_ANY: True}
    return expected


def mismatches(expected: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Each difference in words; empty when the result is as expected."""
    found = _told(result)
    if found["result"] != expected["result"]:
        message = f": {result['message']}" if result["message"] else ""
        return [f"the result is {found['result']}{message}, expected {expected['result']}"]
    singly = [failure for check in checks_of(expected) for failure in check.failures(result)]
    if not expected.get("exactly", True):
        return singly
    wanted, got = _by_destination(expected), _by_destination(found)
    told = [f"nothing goes to {name}" for name in wanted if name not in got]
    told += [f"an image goes to {name}, which is not expected" for name in got if name not in wanted]
    for name in wanted:
        if name in got:
            told += [f"{name}: {line}" for line in _differing(wanted[name], got[name])]
    return [*told, *singly]


def _differing(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    """Edits inside sequences do not tell what they came to: others may come to the same, other orders to another."""
    known = wanted.get("sum")
    if known and known == got.get("sum"):
        return []
    told = _changes(wanted["changes"], got["changes"])
    if not told and known and wanted["order"] != got.get("order"):
        return ["the items of sequences are edited in another order, and become others"]
    return told


def _changes(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    told = []
    for tag in {**wanted, **got}:
        if tag not in got:
            told.append(f"{tag} stays as received, expected {_said(wanted[tag])}")
        elif tag not in wanted:
            told.append(f"{tag} becomes {_said(got[tag])}, expected as received")
        elif wanted[tag] != {_ANY: True} and wanted[tag] != got[tag]:
            told.append(f"{tag} becomes {_said(got[tag])}, expected {_said(wanted[tag])}")
    return told


def _said(value: Any) -> str:
    if value == {_ANY: True}:
        return "a new value"
    return "removed" if value is None else quoted(value)


def _told(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "result": result["result"],
        "outputs": [_output(output) for output in result["outputs"]],
    }


def _output(output: Mapping[str, Any]) -> dict[str, Any]:
    changes = {
        f"{tag} {change['keyword']}".rstrip(): change["new"] for tag, change in told_apart(output["changes"]).items()
    }
    told = {"destination": output["destination"], "original": output["original"], "changes": changes}
    if "sum" in output:
        # A list, for a database may keep the keys of an object in an order of its own.
        told |= {"sum": output["sum"], "order": [tag for tag in changes if "[" in tag]}
    return told


def _by_destination(told: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """By where they go; the original and a copy may have the same destination."""
    return {f"{o['destination']}{'' if o['original'] else ' (copy)'}": o for o in told["outputs"]}

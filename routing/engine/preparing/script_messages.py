"""What a script process and the preparing process say to each other: lines of JSON, believed as far as they fit."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from scripts_app.core.dataset.recipe import Recipe
from scripts_app.core.lua.log import line_of
from scripts_app.core.outcome import (
    Change,
    EntryReport,
    EntryStatus,
    Identity,
    LogLine,
    Outcome,
    Output,
    RouteCall,
    Verdict,
)
from scripts_app.core.ports import Facts, QueueItemFacts, UnknownDestination

LONGEST = 256 << 20
"""Bytes of one line; a longer one is not of ours."""
_MOST_ENTRIES = 2**32 - 1


class NotOurs(Exception):
    """A message that no script process of ours would send."""


def encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise NotOurs("a script process sent no message") from error
    if not isinstance(message, dict):
        raise NotOurs("a script process sent no message")
    return message


def told(outcome: Outcome) -> dict[str, Any]:
    """An outcome in values that JSON has; edits of the image itself, which each of its outputs has, are told once."""
    values = asdict(replace(outcome, outputs=()))
    outputs = [_told(output, outcome.changes) for output in outcome.outputs]
    return values | {"outputs": outputs, "state_changed": sorted(outcome.state_changed)}


def _told(output: Output, own: tuple[Change, ...]) -> dict[str, Any]:
    shared = len(own) if output.changes[: len(own)] == own else 0
    recipe = None if output.recipe is None else base64.b64encode(output.recipe.dumps()).decode()
    values = asdict(replace(output, recipe=None, changes=output.changes[shared:]))
    return values | {"recipe": recipe, "shared": shared}


def outcome_of(values: Any) -> Outcome:
    """The outcome that was told; NotOurs when it does not fit together."""
    try:
        own = tuple(Change(**_row(Change, row)) for row in values["changes"])
        return Outcome(
            Verdict(values["verdict"]),
            _text(values["message"]),
            tuple(EntryReport(**_row(EntryReport, row, status=EntryStatus)) for row in values["entries"]),
            tuple(_output(row, own) for row in values["outputs"]),
            own,
            tuple(RouteCall(**_row(RouteCall, row)) for row in values["routes"]),
            tuple(LogLine(**_row(LogLine, row)) for row in values["item_log"]),
            tuple(LogLine(**_row(LogLine, row)) for row in values["log"]),
            {scope: dict(values["state"][scope]) for scope in values["state"]},
            frozenset(_text(scope) for scope in values["state_changed"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotOurs(f"a script process told no outcome: {type(error).__name__}") from error


def place_of(values: Any) -> tuple[int, int]:
    """Number of the entry in hand, 0: none, and how many have their report; NotOurs when they are no such numbers."""
    match values:
        case [int(entry), int(reported)] if 0 <= reported <= _MOST_ENTRIES and 0 <= entry <= _MOST_ENTRIES:
            return entry, reported
    raise NotOurs("a script process told no place in the scripts")


def said_of(values: Any) -> tuple[str, LogLine]:
    """Kind and line of what a script wrote; NotOurs when they are none."""
    try:
        return line_of(values)
    except ValueError as error:
        raise NotOurs(f"a script process told {error}") from error


def _output(row: Any, own: tuple[Change, ...]) -> Output:
    recipe = row["recipe"]
    return Output(
        _text(row["destination"]),
        bool(row["original"]),
        None if recipe is None else Recipe.loads(base64.b64decode(recipe, validate=True)),
        Identity(**{field.name: _text(row["identity"][field.name]) for field in fields(Identity)}),
        (*own[: row["shared"]], *(Change(**_row(Change, change)) for change in row["changes"])),
    )


def _row(kind: Any, row: Any, **converted: Any) -> dict[str, Any]:
    """The fields of a flat class, each text, number or nothing."""
    values = {}
    for field in fields(kind):
        value = row[field.name]
        if not isinstance(value, str | int | None):
            raise TypeError(field.name)
        values[field.name] = converted[field.name](value) if field.name in converted else value
    return values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


_QUESTIONS = frozenset(
    ("resolve", "total", "count", "find", "study_destinations", "study_modalities", "node_stats", "node_echo", "state")
)


def answer(facts: Facts, message: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the facts what a script process wants to know; what the facts raise is theirs to raise, but for one."""
    question, given, named = message.get("ask"), message.get("given"), message.get("named")
    if question not in _QUESTIONS or not isinstance(given, list) or not isinstance(named, dict):
        raise NotOurs(f"a script process asked for {question!r}")
    if not all(isinstance(value, str | None) for value in (*given, *named.values())):
        raise NotOurs(f"a script process asked {question!r} with something else than text")
    try:
        found = getattr(facts, question)(*given, **named)
    except UnknownDestination as error:
        return {"unknown": str(error)}
    if question == "find":
        found = [asdict(row) for row in found]
    elif not isinstance(found, str | int):
        found = dict(found) if isinstance(found, Mapping) else list(found)
    return {"answer": found}


class AskedFacts:
    """The facts of the preparing process, asked from inside a script process."""

    def __init__(self, exchange: Any) -> None:
        """``exchange`` sends a message and gives the one that comes back."""
        self._exchange = exchange

    def __getattr__(self, question: str) -> Any:
        if question not in _QUESTIONS:
            raise AttributeError(question)

        def ask(*given: Any, **named: Any) -> Any:
            back = self._exchange({"ask": question, "given": list(given), "named": named})
            if "unknown" in back:
                raise UnknownDestination(back["unknown"])
            found = back["answer"]
            return [QueueItemFacts(**row) for row in found] if question == "find" else found

        return ask

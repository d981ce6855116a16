"""Two dry runs of one image beside each other: what the draft would make different from the scripts that ran."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scripts_app.core.dataset.dictionary import keyword_of

Result = Mapping[str, Any]
"""What a dry run tells (manual, Dry run)."""
Output = Mapping[str, Any]
"""What it tells of one resulting file."""
_WENT_THROUGH = ("prepared", "dropped")
_NOTHING: Output = {"changes": ()}
_AS_WAS, _OTHERWISE = "<edits of its items>", "<the same edits in another order>"


class Effect(StrEnum):
    """What a draft means for one image; the worst that holds."""

    FAILS = "fails"
    """It would fail, or wait for another try, and did not before."""
    ERRORS = "errors"
    """An entry would go wrong, and be skipped, that did not before."""
    ROUTES = "routes"
    """It would go elsewhere, or nowhere."""
    ELEMENTS = "elements"
    """The same destinations would get other elements, or later images would find another state."""
    BETTER = "better"
    """It would come through, or an entry would, that went wrong before; nothing above holds."""
    IDENTICAL = "identical"
    UNTRIED = "untried"
    """It could not be tried: the file is no longer kept, or its destination is gone."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An element of one destination's image that would not be the same."""

    destination: str
    tag: str
    keyword: str
    received: str | None
    before: str | None
    """As the scripts that ran leave it; None: absent."""
    after: str | None
    """As the draft leaves it."""


@dataclass(frozen=True, slots=True)
class StateDifference:
    """A value in ``study`` or ``series`` that later images would find otherwise."""

    place: str
    """As in ``study.uids.1.2.3``."""
    before: str | None
    """As the scripts that ran leave it; None: absent."""
    after: str | None
    """As the draft leaves it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    effect: Effect
    gained: tuple[str, ...] = ()
    """Destinations that only the draft sends to."""
    lost: tuple[str, ...] = ()
    elements: tuple[Difference, ...] = ()
    states: tuple[StateDifference, ...] = ()


def compared(before: Result, after: Result, again: Result | None = None) -> Comparison:
    """
    ``after`` is the draft's result, ``before`` that of the scripts that ran, both of the same image and moment.

    ``again`` is a second run of the scripts that ran: where it differs from
    the first (times, counters, new UIDs), a difference means nothing.  It need
    not be there when there is no difference.  What scripts print and log is not
    compared.
    """
    was, now = _outputs(before), _outputs(after)
    gained, lost = tuple(name for name in now if name not in was), tuple(name for name in was if name not in now)
    repeated = {} if again is None else _outputs(again)
    nothing = None if again is None else _NOTHING
    elements = tuple(
        found
        for name in was
        if name in now
        for found in _differing(name, was[name], now[name], repeated.get(name, nothing))
    )
    states = tuple(_states("", before["state"], after["state"], (again or before)["state"]))
    effect = _effect(before, after, bool(gained or lost), bool(elements or states))
    return Comparison(effect, gained, lost, elements, states)


def _effect(before: Result, after: Result, moved: bool, changed: bool) -> Effect:
    through, through_now = before["result"] in _WENT_THROUGH, after["result"] in _WENT_THROUGH
    if through and not through_now:
        return Effect.FAILS
    errors, errors_now = _errors(before), _errors(after)
    if through_now and errors_now > errors:
        return Effect.ERRORS
    if through_now and not through:
        return Effect.BETTER
    if moved or before["result"] != after["result"]:
        return Effect.ROUTES
    if changed:
        return Effect.ELEMENTS
    return Effect.BETTER if errors_now < errors else Effect.IDENTICAL


def _errors(result: Result) -> int:
    return sum(entry["status"] == "error" for entry in result["entries"])


def name_of(output: Mapping[str, Any]) -> str:
    """Where an output goes; the original and a copy may have the same destination."""
    return f"{output['destination']}{'' if output['original'] else ' (copy)'}"


def _outputs(result: Result) -> dict[str, Output]:
    """By where they go."""
    return {name_of(output): output for output in result["outputs"]}


def _differing(name: str, was: Output, now: Output, again: Output | None) -> list[Difference]:
    """
    What one destination would get otherwise.

    Outputs with edits inside sequences have sums, for other edits may come to
    the same data set, and the same ones in another order to another.
    """
    sums = was.get("sum"), now.get("sum")
    if all(sums) and sums[0] == sums[1]:
        return []
    found = _elements(name, told_apart(was["changes"]), told_apart(now["changes"]), again)
    if found or not all(sums) or (again is not None and again.get("sum") != sums[0]):
        return found
    return [
        Difference(name, tag, keyword_of(int(tag.replace(",", ""), 16)), "…", _AS_WAS, _OTHERWISE)
        for tag in sorted({change["tag"].partition("[")[0] for change in now["changes"] if "[" in change["tag"]})
    ]


def told_apart(changes: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The changes of one output by tag, all of them: inside sequences several may have the same one."""
    found: dict[str, Mapping[str, Any]] = {}
    for change in changes:
        # There each edit is told, and an item's number may mean another one after each.
        path, count = change["tag"], 2
        while path in found:
            path, count = f"{change['tag']} ({count})", count + 1
        found[path] = change
    return found


def _elements(
    destination: str, was: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]], again: Output | None
) -> list[Difference]:
    found = []
    repeated = None if again is None else told_apart(again["changes"])
    for tag in sorted({*was, *now}):
        old, new = was.get(tag), now.get(tag)
        known = new or old or {}
        if old and new and (old["new"] == new["new"] or _new_each_time(tag, old, new, repeated)):
            continue
        received = known.get("old")
        found.append(
            Difference(
                destination,
                tag,
                known.get("keyword", ""),
                received,
                old["new"] if old else received,
                new["new"] if new else received,
            )
        )
    return found


def _new_each_time(
    tag: str, old: Mapping[str, Any], new: Mapping[str, Any], again: Mapping[str, Mapping[str, Any]] | None
) -> bool:
    if again is None or old["new"] is None or new["new"] is None:
        return False
    repeated = again.get(tag)
    return repeated is None or repeated["new"] != old["new"]


def _states(place: str, was: Any, now: Any, again: Any) -> Iterator[StateDifference]:
    """Value by value; keys that the same scripts do not repeat, as of new UIDs, mean nothing either."""
    if was == now:
        return
    old, new, repeated = _table(was), _table(now), _table(again)
    if old is not None and new is not None:
        repeated = old if repeated is None else repeated
        keys = {*old, *new} if old.keys() == repeated.keys() else old.keys() & new.keys() & repeated.keys()
        for key in sorted(keys):
            yield from _states(f"{place}.{key}" if place else key, old.get(key), new.get(key), repeated.get(key))
    elif was is None or now is None or was == again:
        yield StateDifference(place, _text(was), _text(now))


def _table(value: Any) -> Mapping[str, Any] | None:
    """A list is the table of its numbers; None: no table."""
    if isinstance(value, list):
        return {str(number): each for number, each in enumerate(value, start=1)}
    return value if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)

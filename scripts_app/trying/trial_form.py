"""What a person sets for one dry run: study and series state, and what queue and nodes answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.http import QueryDict

from scripts_app.core.lua.calls_queue import STATES
from scripts_app.core.nearest import no_node
from scripts_app.core.scoped_state import StateError, plain_state

QUEUE_ROWS = range(3)
NODE_ROWS = range(2)
MOST_ITEMS = 10_000
_ECHOES = {"": None, "yes": True, "no": False}


class WrongSetting(Exception):
    """A field cannot be used; the text names it."""


def given_of(posted: QueryDict, ae_titles: Sequence[str]) -> dict[str, Any]:
    """The JSON values that the process for dry runs takes; empty when nothing is set."""
    states = {scope: state for scope in ("study", "series") if (state := _state(posted, scope)) is not None}
    nodes = _nodes(posted, ae_titles)
    return {
        **({"states": states} if states else {}),
        **({"items": _items(posted, ae_titles)} if posted.get("given_queue") == "set" else {}),
        **({"nodes": nodes} if nodes else {}),
    }


def _state(posted: QueryDict, scope: str) -> dict[str, Any] | None:
    text = posted.get(f"given_{scope}", "").strip()
    if not text:
        return None
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise WrongSetting(f'{scope} before: write it like {{"n": 3}}')
        return plain_state(values, scope)
    except json.JSONDecodeError as error:
        raise WrongSetting(f"{scope} before: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (StateError, RecursionError, ValueError) as error:
        # The last one: of a number with thousands of digits.
        raise WrongSetting(f"{scope} before: {error}") from None


def _items(posted: QueryDict, ae_titles: Sequence[str]) -> list[dict[str, Any]]:
    columns = (posted.getlist(f"q_{name}") for name in ("count", "state", "destination", "study"))
    items = []
    for count, state, destination, study in zip(*columns, strict=False):
        if not count.strip():
            continue
        if not (count.strip().isdecimal() and len(count) < 10 and int(count) <= MOST_ITEMS):
            raise WrongSetting(f"items in the queue: {count!r} is no number up to {MOST_ITEMS}")
        if state not in STATES:
            raise WrongSetting(f"items in the queue: {state!r} is none of {', '.join(STATES)}")
        destination = destination.strip()
        if destination not in ae_titles:
            raise WrongSetting(f"items in the queue: {no_node(destination, ae_titles)}")
        item = {"state": state, "destination_ae_title": destination, "of_this_study": study == "this"}
        items.append({"count": int(count), **item})
    if sum(item["count"] for item in items) > MOST_ITEMS:
        raise WrongSetting(f"items in the queue: more than {MOST_ITEMS} in all")
    return items


def _nodes(posted: QueryDict, ae_titles: Sequence[str]) -> dict[str, dict[str, Any]]:
    nodes = {}
    columns = (posted.getlist(f"n_{name}") for name in ("title", "echo", "failed"))
    for title, echo, failed in zip(*columns, strict=False):
        title = title.strip()
        if not title:
            continue
        if title not in ae_titles:
            raise WrongSetting(f"nodes: {no_node(title, ae_titles)}")
        if failed.strip() and not (failed.strip().isdecimal() and len(failed) < 10):
            raise WrongSetting(f"nodes: {failed!r} is no number of failed deliveries")
        nodes[title] = {"echo": _ECHOES.get(echo), "failed": int(failed) if failed.strip() else None}
    return nodes

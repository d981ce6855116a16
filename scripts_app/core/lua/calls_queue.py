"""The Python side of queue, study.queue and node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from scripts_app.core.lua.bridge import text, to_lua
from scripts_app.core.lua.errors import ApiMisuse
from scripts_app.core.lua.host import Call, Host
from scripts_app.core.nearest import did_you_mean
from scripts_app.core.ports import QueueItemFacts

STATES = ("New", "Prepared", "Failed", "Rejected", "Expired")
_MAY_BE_NIL = frozenset({"lastError", "pendingState"})


def _state(value: Any, call: str, *, optional: bool = False) -> str | None:
    if value is None and optional:
        return None
    state = text(value, call, "the state")
    if state in STATES:
        return state
    raise ApiMisuse(f"{call}: {state!r} is none of the states {', '.join(STATES)}{did_you_mean(state, STATES)}")


def _rows(host: Host, items: Sequence[QueueItemFacts]) -> Any:
    def row(i: int) -> Any:
        item = items[i - 1]
        return to_lua(host.runtime, {
            field.name: getattr(item, field.name)
            for field in fields(QueueItemFacts)
            if field.name not in _MAY_BE_NIL or getattr(item, field.name)
        })  # fmt: skip

    return row, "rows", len(items)


def _total(host: Host, handle: int, line: int | None, _: Any, __: Any) -> Any:
    return host.facts.total()


def _count_state(host: Host, handle: int, line: int | None, state: Any, _: Any) -> Any:
    return host.facts.count(state=_state(state, "queue:count"))


def _count_study(host: Host, handle: int, line: int | None, study: Any, state: Any) -> Any:
    call = "queue:countByStudy"
    return host.facts.count(study=text(study, call, "the study"), state=_state(state, call, optional=True))


def _count_destination(host: Host, handle: int, line: int | None, ae_title: Any, state: Any) -> Any:
    call = "queue:countByDestination"
    name = text(ae_title, call, "the AE title").strip()
    return host.facts.count(destination=name, state=_state(state, call, optional=True))


def _find_study(host: Host, handle: int, line: int | None, study: Any, _: Any) -> Any:
    return _rows(host, host.facts.find(study=text(study, "queue:findByStudy", "the study")))


def _find_state(host: Host, handle: int, line: int | None, state: Any, _: Any) -> Any:
    return _rows(host, host.facts.find(state=_state(state, "queue:findByState")))


def _find_destination(host: Host, handle: int, line: int | None, ae_title: Any, state: Any) -> Any:
    call = "queue:findByDestination"
    name = text(ae_title, call, "the AE title").strip()
    return _rows(host, host.facts.find(destination=name, state=_state(state, call, optional=True)))


def _study_total(host: Host, handle: int, line: int | None, _: Any, __: Any) -> Any:
    return host.facts.count(study=host.study_instance_uid)


def _study_count(host: Host, handle: int, line: int | None, state: Any, _: Any) -> Any:
    return host.facts.count(study=host.study_instance_uid, state=_state(state, "study.queue:countByState"))


def _study_items(host: Host, handle: int, line: int | None, _: Any, __: Any) -> Any:
    return _rows(host, host.facts.find(study=host.study_instance_uid))


def _study_items_state(host: Host, handle: int, line: int | None, state: Any, _: Any) -> Any:
    wanted = _state(state, "study.queue:itemsByState")
    return _rows(host, host.facts.find(study=host.study_instance_uid, state=wanted))


def _strings(values: Sequence[str]) -> Any:
    return list(values), "strings", len(values)


def _study_destinations(host: Host, handle: int, line: int | None, _: Any, __: Any) -> Any:
    return _strings(host.facts.study_destinations(host.study_instance_uid))


def _study_modalities(host: Host, handle: int, line: int | None, _: Any, __: Any) -> Any:
    return _strings(host.facts.study_modalities(host.study_instance_uid))


def _stats(host: Host, handle: int, line: int | None, ae_title: Any, _: Any) -> Any:
    return host.facts.node_stats(text(ae_title, "node:stats", "the AE title").strip())


def _echo(host: Host, handle: int, line: int | None, ae_title: Any, _: Any) -> Any:
    return host.facts.node_echo(text(ae_title, "node:echo", "the AE title").strip())


QUEUE_CALLS: dict[str, Call] = {
    "total": _total,
    "count": _count_state,
    "countByStudy": _count_study,
    "countByDestination": _count_destination,
    "findByStudy": _find_study,
    "findByState": _find_state,
    "findByDestination": _find_destination,
}

STUDY_QUEUE_CALLS: dict[str, Call] = {
    "totalCount": _study_total,
    "countByState": _study_count,
    "items": _study_items,
    "itemsByState": _study_items_state,
    "destinations": _study_destinations,
    "modalities": _study_modalities,
}

NODE_CALLS: dict[str, Call] = {"stats": _stats, "echo": _echo}

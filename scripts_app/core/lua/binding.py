"""Hand the Python side to a VM: no exception of Python ever reaches a script."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lupa import lua54

from scripts_app.core.dataset.document import DatasetError
from scripts_app.core.lua.api import OBJECTS
from scripts_app.core.lua.bridge import encoded, from_lua_exactly, readable, text, to_lua
from scripts_app.core.lua.calls_dataset import DATASET_CALLS, ITEM_CALLS
from scripts_app.core.lua.calls_queue import NODE_CALLS, QUEUE_CALLS, STUDY_QUEUE_CALLS
from scripts_app.core.lua.calls_route import ROUTE_CALLS
from scripts_app.core.lua.errors import ApiMisuse, OverBudget
from scripts_app.core.lua.host import Call, Host
from scripts_app.core.lua.include import find_library
from scripts_app.core.lua.source import SyntaxProblem, compiled
from scripts_app.core.nearest import SURELY, nearest
from scripts_app.core.ports import UnknownDestination
from scripts_app.core.scoped_state import StateError, exact_key

PROXIES = Path(__file__).with_name("proxies.lua")

CALLS: Mapping[str, Mapping[str, Call]] = {
    "dataset": DATASET_CALLS,
    "item": ITEM_CALLS,
    "route": ROUTE_CALLS,
    "queue": QUEUE_CALLS,
    "study.queue": STUDY_QUEUE_CALLS,
    "node": NODE_CALLS,
}

_NAMES = {api.name: tuple(member.name for member in api.members) for api in OBJECTS}
_RECORDED = {(api.name, member.name) for api in OBJECTS for member in api.members if member.recorded}
_AUTHORS_MISTAKES = (ApiMisuse, DatasetError, StateError, UnknownDestination)
_LEVELS = {"debug": "debug", "info": "info", "warn": "warning", "error": "error"}


class Binding:
    """The functions behind the proxies of one VM."""

    def __init__(self, host: Host, libraries: Mapping[str, str], learn: Callable[[Any, str], None]) -> None:
        self._host = host
        self._libraries = libraries
        self._learn = learn
        self.refusal = ""
        """Message of the last refused call: it quotes the author's words, which must not count as keywords."""
        self.over_budget = False
        self.fault: Exception | None = None
        """A fault of this program that a call ran into."""

    def arguments(self) -> tuple[Any, ...]:
        """What proxies.lua is called with, in its order."""
        host, image = self._host, self._host.workspace.image
        state = {
            "get": self._guarded(self._state_get),
            "set": self._guarded(self._state_set),
            "keys": self._state_keys,
            "count": self._state_count,
        }
        file = {"sourceAeTitle": image.source_ae_title, "destinationAeTitle": image.destination_ae_title}
        return (
            self._bind,
            self._members,
            self._unknown,
            self._refused,
            host.runtime.table_from({encoded(name): function for name, function in state.items()}),
            self._note,
            self._new_uid,
            self._guarded(self._library),
            to_lua(host.runtime, file),
            bool(host.study_instance_uid),
        )

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Answer ``True, value, shape, extra`` or ``False, message``."""

        def call(*arguments: Any) -> tuple[Any, ...]:
            try:
                answer = function(*arguments)
                if isinstance(answer, tuple):
                    value, shape, *extra = answer
                    return (True, self._lua(value), self._lua(shape), *extra)
                return True, self._lua(answer)
            except _AUTHORS_MISTAKES as error:
                self.refusal = str(error)
                return False, encoded(self.refusal)
            except (OverBudget, lua54.LuaMemoryError):
                self.over_budget = True
                return False, b"not enough memory"
            except lua54.LuaError:  # the time ran out in a call back into Lua
                return False, b"script exceeded its limit"
            except Exception as error:
                self.fault = error
                return False, b"internal error of the router"

        return call

    def _lua(self, value: Any) -> Any:
        return value if callable(value) else to_lua(self._host.runtime, value)

    def _bind(self, owner: bytes, name: Any) -> Any:
        host = self._host
        member = readable(name) if isinstance(name, bytes) else ""
        call = CALLS.get(owner.decode(), {}).get(member)
        if call is None:
            return None
        return self._guarded(lambda *arguments: call(host, *arguments)), (owner.decode(), member) in _RECORDED

    def _members(self, owner: bytes) -> Any:
        return to_lua(self._host.runtime, _NAMES[owner.decode()])

    def _unknown(self, owner: bytes, name: Any) -> bytes | None:
        """Why an object has no such member; None when it has, and the value is nil."""
        names = _NAMES[owner.decode()]
        wanted = readable(name) if isinstance(name, bytes) else str(name)
        if wanted in names:
            return None
        meant = nearest(wanted, names, SURELY)
        hint = f" (did you mean '{meant}'?)" if meant else ""
        self.refusal = f"{owner.decode()} has no '{wanted}'{hint}"
        return encoded(self.refusal)

    def _refused(self, message: bytes) -> None:
        self.refusal = readable(message)

    def _note(self, level: bytes, line: int | None, message: bytes) -> None:
        kind = "item" if level == b"print" else "application"
        self._host.log.write(kind, _LEVELS.get(level.decode(), "info"), readable(message), self._host.entry, line)

    def _new_uid(self) -> bytes:
        # PS3.5 B.2: 2.25. and a UUID as a decimal number.
        return f"2.25.{uuid.uuid4().int}".encode()

    def _library(self, path: Any) -> Any:
        name = find_library(text(path, "include", "the path"), self._libraries)
        try:
            chunk = compiled(self._host.runtime, self._libraries[name], name)
        except SyntaxProblem as error:
            raise ApiMisuse(f"{name}:{error.problem.line}: {error.problem.message}") from None
        self._learn(chunk, name)
        return name, chunk

    def _state_get(self, handle: Any, key: Any) -> Any:
        try:
            value = self._host.node(handle).get(exact_key(key))
        except StateError:
            return None  # reading what cannot be there is nil, as in any table
        if isinstance(value, dict):
            return self._host.node_handle(handle, value), True
        return value

    def _state_set(self, handle: Any, key: Any, value: Any) -> None:
        kept = self._host.kept(from_lua_exactly(value))
        name = self._host.scope_of(handle)
        self._host.workspace.states[name].assign(self._host.node(handle), key, kept)

    def _state_keys(self, handle: Any) -> Any:
        return to_lua(self._host.runtime, list(self._host.node(handle)))

    def _state_count(self, handle: Any) -> int:
        node, count = self._host.node(handle), 0
        while count + 1 in node:
            count += 1
        return count

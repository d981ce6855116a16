"""One Lua VM for one image: limits, running a chunk, and a clean end."""

from __future__ import annotations

import locale
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from lupa import lua54

from scripts_app.core.lua.binding import PROXIES, Binding
from scripts_app.core.lua.bridge import readable
from scripts_app.core.lua.errors import LimitExceeded, ScriptError, ScriptFailed, advised, read_error
from scripts_app.core.lua.host import Host
from scripts_app.core.lua.limits import Limits
from scripts_app.core.lua.processes import Processes
from scripts_app.core.lua.source import SyntaxProblem, compiled

_LIBRARY = Path(__file__).with_name("library.lua")
_POSITION = re.compile(r":(\d+): ")


def _denied(*_: Any) -> None:
    raise AttributeError("not available to scripts")


@cache
def _prelude(path: Path) -> bytes:
    """A file of this package as byte code, which loads several times faster; scripts never load any."""
    runtime = lua54.LuaRuntime(encoding=None)
    chunk = runtime.compile(path.read_bytes(), name=b"=" + path.name.encode(), mode="t")
    code: bytes = runtime.eval(b"string.dump")(chunk, True)
    return code


class Session:
    """
    A fresh VM; nothing of one image is left for the next.

    ``lua54`` by name and nothing else: the default of the binding (2.8) hands
    back wrong Python objects (its issue 294), which here would be another
    patient's image.
    """

    def __init__(self, host: Host, limits: Limits, libraries: Mapping[str, str]) -> None:
        self._limits = limits
        self._host = host
        self._deadline = time.monotonic() + limits.seconds
        self._exceeded: tuple[str, str, int | None] | None = None
        self._chunks = {name: name for name in libraries}
        self._processes = Processes(self._deadline)
        self._locale: str | None = None
        self._runtime: Any = lua54.LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_handlers=(_denied, _denied),
            max_memory=limits.memory_bytes,
        )
        host.runtime = self._runtime
        self._binding = Binding(host, libraries, self._learn)
        # First the proxies: they keep what the library may close to scripts.
        self._enter, self._dataset, self._undone = self._load(PROXIES)(*self._binding.arguments())
        self._run, self._name = self._load(_LIBRARY)(
            limits.restricted,
            lambda: time.monotonic() > self._deadline,
            self._note_exceeded,
            self._keep_locale,
            self._processes.open,
            self._processes.opened,
            self._processes.close,
        )

    def _load(self, path: Path) -> Callable[..., Any]:
        chunk: Callable[..., Any] = self._runtime.compile(_prelude(path), mode="b")
        return chunk

    def run(self, source: str, chunk: str) -> None:
        """
        Compile and run one script; ScriptError tells what it came to, with the author's line.

        What one that failed has included counts as never loaded (Lua filter page, include and rollback).
        """
        with self._limited():
            try:
                function = compiled(self._runtime, source, chunk)
            except SyntaxProblem as error:
                raise ScriptFailed(error.problem.message, chunk, error.problem.line) from None
            self._learn(function, chunk)
            self._enter(b"@" + chunk.encode(errors="replace"))
            try:
                self._call(function)
            except ScriptFailed:
                self._undone()
                raise

    def run_function(self, function: Any, handle: int, chunk: str) -> None:
        """Run a route function on the data set behind ``handle``."""
        with self._limited():
            self._enter(b"@" + chunk.encode(errors="replace"))
            self._call(function, self._dataset(handle))

    def close(self) -> None:
        """
        Close the VM now: finalisers run here, under the caller's watchdog, and child processes end.

        The image is let go, too: binding and session hold each other, and both
        would keep it until a garbage collection.
        """
        self._run = self._name = self._enter = self._dataset = self._undone = None
        del self._binding
        self._host.runtime = None
        self._runtime = None
        self._processes.finish()
        if self._locale is not None:
            locale.setlocale(locale.LC_ALL, self._locale)

    def _learn(self, function: Any, chunk: str) -> None:
        self._chunks[readable(self._name(function, chunk.encode(errors="replace")))] = chunk

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """The limits strike anywhere, in this program's own Lua, too."""
        try:
            yield
        except lua54.LuaMemoryError:
            raise LimitExceeded(self._limits.memory_message) from None
        except lua54.LuaError as error:
            if self._exceeded:
                raise LimitExceeded(*self._exceeded) from None
            raise ScriptFailed(str(error)) from None

    def _call(self, function: Any, *arguments: Any) -> None:
        self._binding.refusal = ""
        ok, problem, file, line = self._run(function, *arguments)
        if self._binding.fault:
            raise self._binding.fault
        if self._exceeded:
            raise LimitExceeded(*self._exceeded)
        if time.monotonic() > self._deadline:
            # Waiting, as for a process or a node, goes by without instructions for the hook to count.
            raise LimitExceeded(self._limits.time_message, readable(file or b""), line)
        if self._binding.over_budget:
            raise LimitExceeded(self._limits.memory_message, readable(file or b""), line)
        if not ok:
            raise self._error(readable(problem), readable(file or b""), line)

    def _error(self, message: str, file: str, line: int | None) -> ScriptError:
        """Lua puts chunk and line before the message; one thrown again has several, the last is its origin."""
        while place := self._position(message):
            file, line, message = place
        if message and self._binding.refusal.endswith(message):
            return ScriptFailed(message, file, line)
        return read_error(advised(message), file, line)

    def _position(self, message: str) -> tuple[str, int, str] | None:
        """Chunk, line and rest of a message that begins with a place in the author's code."""
        for shown, chunk in self._chunks.items():
            if message.startswith(shown) and (position := _POSITION.match(message, len(shown))):
                return chunk, int(position[1]), message[position.end() :]
        return None

    def _keep_locale(self) -> None:
        """A script is about to change the process's locale, which the next image must not see."""
        if self._locale is None:
            self._locale = locale.setlocale(locale.LC_ALL)

    def _note_exceeded(self, what: bytes, file: bytes | None = None, line: int | None = None) -> None:
        message = self._limits.time_message if what == b"time" else self._limits.memory_message
        self._exceeded = (message, readable(file or b""), line)

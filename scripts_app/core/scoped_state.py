"""
The study and series tables: exact values, undone entry by entry, written out only when changed.

Lua's integers, floats, byte strings and nested tables survive the way through a
JSON column: a key or value that JSON cannot hold exactly is marked with "#".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Key = bytes | int | float
Node = dict[Key, Any]
"""A table: keys as Lua has them, values bytes, int, float, bool or another Node."""


class StateError(Exception):
    """A key or value that a study or series table cannot keep."""


class ScopedState:
    """One of the two tables for one image."""

    def __init__(self, load: Callable[[], Mapping[str, Any]]) -> None:
        """``load`` is asked once, and only when a script looks at the table."""
        self._load = load
        self._root: Node | None = None
        self._undo: list[tuple[Node, Key, Any]] = []

    @property
    def root(self) -> Node:
        if self._root is None:
            self._root = read_state(self._load())
        return self._root

    @property
    def touched(self) -> bool:
        """Has any script looked at it?"""
        return self._root is not None

    @property
    def changed(self) -> bool:
        return bool(self._undo)

    def assign(self, node: Node, key: Key, value: Any) -> None:
        """Set one key, or remove it with None; ``value`` is owned by the table afterwards."""
        key = exact_key(key)
        if value is None and key not in node:
            return
        self._undo.append((node, key, node.get(key)))
        _put(node, key, value)

    def mark(self) -> int:
        return len(self._undo)

    def rollback(self, mark: int) -> None:
        """Undo every assignment after the mark; tables that scripts still hold stay the same ones."""
        while len(self._undo) > mark:
            _put(*self._undo.pop())

    def export(self) -> dict[str, Any]:
        """The form that a JSON column keeps and ``read_state`` reads."""
        return write_state(self.root)


def _put(node: Node, key: Key, value: Any) -> None:
    if value is None:
        node.pop(key, None)
    else:
        node[key] = value


def exact_key(key: Any) -> Key:
    """Lua's rule: 1.0 and 1 are one key.  StateError for what no table may be indexed by here."""
    if isinstance(key, bool) or not isinstance(key, bytes | int | float):
        raise StateError("a key must be a string or a number")
    if isinstance(key, float):
        if math.isnan(key):
            raise StateError("a key must not be NaN")
        if key.is_integer() and -(2**63) <= key < 2**63:
            return int(key)
    return key


def write_state(node: Mapping[Key, Any]) -> dict[str, Any]:
    return {_written_key(key): _written(value) for key, value in node.items()}


def read_state(stored: Mapping[str, Any]) -> Node:
    return {_read_key(key): _read(value) for key, value in stored.items()}


def _written_key(key: Key) -> str:
    if isinstance(key, bytes):
        text = _plain_text(key)
        if text is None:
            return f"#bytes {key.hex()}"
        return f"#{text}" if text.startswith("#") else text
    return f"#{'integer' if isinstance(key, int) else 'number'} {key!r}"


def _read_key(key: str) -> Key:
    if not key.startswith("#"):
        return key.encode()
    kind, _, text = key[1:].partition(" ")
    if key.startswith("##"):
        return key[1:].encode()
    return _unmarked(kind, text)


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return write_state(value)
    if isinstance(value, bytes):
        text = _plain_text(value)
        return {"#bytes": value.hex()} if text is None else text
    # A database may rewrite 1e+16 as an integer and -0.0 as 0; JSON has no infinity.
    if isinstance(value, float) and (not math.isfinite(value) or abs(value) >= 1e15 or value == 0):
        return {"#number": repr(value)}
    return value


def _read(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((kind, text),) = value.items()
        if kind in ("#bytes", "#number"):
            return _unmarked(kind[1:], text)
    return read_state(value)


def _unmarked(kind: str, text: str) -> Key:
    if kind == "bytes":
        return bytes.fromhex(text)
    return int(text) if kind == "integer" else float(text)


def plain_state(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """
    Values as people write them in JSON, in the form that a JSON column keeps; lists count from 1.

    StateError names what a table cannot hold; ``where`` is the table's name.
    """
    return write_state({key.encode(): _plain(value, f"{where}.{key}") for key, value in values.items()})


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise StateError(f"{where} is too large a number")
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return {number: _plain(inner, f"{where}[{number}]") for number, inner in enumerate(value, start=1)}
    if isinstance(value, dict):
        return {key.encode(): _plain(inner, f"{where}.{key}") for key, inner in value.items()}
    raise StateError(f"{where} is null: leave the key out, as Lua does")


def _plain_text(value: bytes) -> str | None:
    """The text, if JSON columns of all databases keep it; PostgreSQL refuses NUL."""
    if b"\0" in value:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None

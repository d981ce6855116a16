"""
Values on their way between Lua and Python.

Lua strings are bytes: the VM runs without an encoding, so nothing fails on the
way, and each call decides what a value that is not UTF-8 means.  Python text
must be encoded before it enters Lua, or it would become a Python object there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lupa import lua54

from scripts_app.core.lua.errors import ApiMisuse

_WHOLE = range(-(2**63), 2**63)


def type_name(value: Any) -> str:
    """Type as Lua calls it."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, bytes):
        return "string"
    return lua54.lua_type(value) or "userdata"


def text(value: Any, call: str, name: str) -> str:
    """Read an argument that must be text; ApiMisuse names the call and the argument."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            byte = value[error.start]
            raise ApiMisuse(f"{call}: {name} is not UTF-8 text (byte 0x{byte:02X} at {error.start + 1})") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # Lua itself takes numbers for strings
    raise ApiMisuse(f"{call}: {name} must be a string, not {type_name(value)}")


def readable(value: bytes) -> str:
    """Text for people to read; what is not UTF-8 becomes replacement marks."""
    return value.decode(errors="replace")


def encoded(value: str) -> bytes:
    return value.encode(errors="replace")


def to_lua(runtime: Any, value: Any) -> Any:
    """A Python value as Lua has it; mappings and sequences become tables of their own."""
    if value is None or isinstance(value, bool | float | bytes):
        return value
    if isinstance(value, str):
        return encoded(value)
    if isinstance(value, int):
        return value if value in _WHOLE else float(value)
    if isinstance(value, Mapping):
        return runtime.table_from({to_lua(runtime, key): to_lua(runtime, item) for key, item in value.items()})
    if isinstance(value, Sequence):
        return runtime.table_from([to_lua(runtime, item) for item in value])
    return encoded(str(value))


def is_table(value: Any) -> bool:
    return type_name(value) == "table"


def from_lua(value: Any, call: str) -> Any:
    """A value for the data set: str, int, float, bool, list or dict with its keys in order."""
    if isinstance(value, bytes):
        return text(value, call, "a value")
    if isinstance(value, float) and not math.isfinite(value):
        raise ApiMisuse(f"{call}: {value} is not a number that DICOM knows")
    if isinstance(value, bool | int | float):
        return value
    if not is_table(value):
        raise ApiMisuse(f"{call}: a value must be a string, number, boolean or table, not {type_name(value)}")
    pairs = dict(value.items())
    if all(isinstance(key, int) for key in pairs):
        if sorted(pairs) != list(range(1, len(pairs) + 1)):
            raise ApiMisuse(f"{call}: a list must have the keys 1 to n without gaps")
        return [from_lua(pairs[key], call) for key in sorted(pairs)]
    named = {text(key, call, "a key"): item for key, item in pairs.items()}
    return {key: from_lua(named[key], call) for key in sorted(named)}


def from_lua_exactly(value: Any) -> Any:
    """A value for the study and series tables, whose kinds Lua has checked: tables become dicts."""
    if is_table(value):
        return {key: from_lua_exactly(item) for key, item in value.items()}
    return value

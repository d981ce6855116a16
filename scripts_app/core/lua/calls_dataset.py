"""The Python side of dataset and item."""

from __future__ import annotations

from typing import Any

from scripts_app.core.lua.bridge import from_lua, is_table, text, type_name
from scripts_app.core.lua.errors import ApiMisuse
from scripts_app.core.lua.host import Call, Host


def _get(host: Host, handle: int, line: int | None, path: Any, _: Any) -> Any:
    return host.view(handle).read(text(path, "Get", "the tag"))


def _exists(host: Host, handle: int, line: int | None, path: Any, _: Any) -> Any:
    return host.view(handle).exists(text(path, "Exists", "the tag"))


def _count(host: Host, handle: int, line: int | None, path: Any, _: Any) -> Any:
    return host.view(handle).count(text(path, "Count", "the tag"))


def _to_table(host: Host, handle: int, line: int | None, path: Any, _: Any) -> Any:
    return host.view(handle).to_table(None if path is None else text(path, "ToTable", "the tag"))


def _select(host: Host, handle: int, line: int | None, path: Any, _: Any) -> Any:
    view = host.view(handle).select(text(path, "Select", "the path"))
    return None if view is None else (host.add_view(host.target(handle), view), "item")


def _items(host: Host, handle: int, line: int | None, path: Any, _: Any) -> Any:
    views = host.view(handle).items(text(path, "Items", "the path"))
    target = host.target(handle)
    return (lambda i: host.add_view(target, views[i - 1])), "items", len(views)


def _set(host: Host, handle: int, line: int | None, path: Any, value: Any) -> Any:
    name = text(path, "Set", "the tag")
    if value is None:
        raise ApiMisuse(f"Set: the value of {name} is nil; Remove removes a tag, '' empties it")
    view = host.writable(handle)
    # Bytes that Get answered are no text, and may be set as they were read.
    given = value if isinstance(value, bytes) and view.binary(name) else from_lua(value, f"Set: {name}")
    host.record(handle, "Set", [view.set(name, host.kept(given))], line)


def _remove(host: Host, handle: int, line: int | None, path: Any, _: Any) -> Any:
    record = host.writable(handle).remove(text(path, "Remove", "the tag"))
    host.record(handle, "Remove", [record] if record else [], line)


def _table(value: Any, call: str) -> Any:
    if not is_table(value):
        raise ApiMisuse(f"{call}: values must be a table, not {type_name(value)}")
    table = from_lua(value, call)
    if isinstance(table, list) and table:
        raise ApiMisuse(f"{call}: the keys of values must be tags")
    return table or {}


def _populate(host: Host, handle: int, line: int | None, values: Any, _: Any) -> Any:
    host.record(handle, "Populate", host.writable(handle).populate(host.kept(_table(values, "Populate"))), line)


def _populate_at(host: Host, handle: int, line: int | None, path: Any, values: Any) -> Any:
    where = text(path, "PopulateAt", "the path")
    records = host.writable(handle).populate_at(where, host.kept(_table(values, "PopulateAt")))
    host.record(handle, "PopulateAt", records, line)


def _append(host: Host, handle: int, line: int | None, path: Any, values: Any) -> Any:
    where = text(path, "Append", "the path")
    view, records = host.writable(handle).append(where, None if values is None else host.kept(_table(values, "Append")))
    host.record(handle, "Append", records, line)
    return host.add_view(host.target(handle), view), "item"


def _delete(host: Host, handle: int, line: int | None, _: Any, __: Any) -> Any:
    host.record(handle, "Delete", [host.writable(handle).delete()], line)


DATASET_CALLS: dict[str, Call] = {
    "Get": _get,
    "Exists": _exists,
    "ToTable": _to_table,
    "Select": _select,
    "Items": _items,
    "Count": _count,
    "Set": _set,
    "Remove": _remove,
    "Populate": _populate,
    "PopulateAt": _populate_at,
    "Append": _append,
}

ITEM_CALLS: dict[str, Call] = {**DATASET_CALLS, "Delete": _delete}

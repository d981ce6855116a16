"""The Python side of route."""

from __future__ import annotations

from typing import Any

from scripts_app.core.lua.bridge import text, type_name
from scripts_app.core.lua.errors import ApiMisuse
from scripts_app.core.lua.host import Call, Host
from scripts_app.core.outcome import RouteCall
from scripts_app.core.workspace import Route

_SETTLED = "routes are settled when route functions run"


def _add(host: Host, handle: int, line: int | None, destination: Any, function: Any) -> Any:
    if host.in_function:
        raise ApiMisuse(f"route:Add: {_SETTLED}")
    ae_title = text(destination, "route:Add", "the destination")
    if function is not None and type_name(function) != "function":
        raise ApiMisuse(f"route:Add: the second argument must be a function, not {type_name(function)}")
    node = host.facts.resolve(ae_title)
    host.workspace.routes[node] = Route(RouteCall("Add", node, host.entry, line), function)


def _drop(host: Host, handle: int, line: int | None, _: Any, __: Any) -> Any:
    if host.in_function:
        raise ApiMisuse(f"route:Drop: {_SETTLED}")
    host.workspace.drop = RouteCall("Drop", host.workspace.image.destination_ae_title, host.entry, line)


ROUTE_CALLS: dict[str, Call] = {"Add": _add, "Drop": _drop}

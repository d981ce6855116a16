"""The part of the manual that is made from the table of the Lua API: every object, method and field."""

from collections.abc import Iterator

from scripts_app.core.lua.api import OBJECTS, ApiObject, Member


def lua_api() -> str:
    return "\n".join(line for api in OBJECTS for line in _object(api)) + "\n"


def _object(api: ApiObject) -> Iterator[str]:
    yield f"\n## {api.name}\n"
    yield api.help
    if api.example:
        yield from _code(api.example)
    for member in api.members:
        yield from _member(api, member)


def _member(api: ApiObject, member: Member) -> Iterator[str]:
    yield f"\n### `{api.signature(member)}`\n"
    yield member.help
    facts = []
    if member.parameters:
        written = [
            f"`{each.name}` {each.type}{' (may be left out)' if each.optional else ''}" for each in member.parameters
        ]
        facts.append(f"- takes {', '.join(written)}")
    if member.result:
        facts.append(f"- {'is' if member.field else 'gives'} {member.result}")
    if member.errors:
        facts.append(f"- error: {member.errors}")
    if facts:
        yield "\n" + "\n".join(facts)
    yield from _code(member.example)


def _code(example: str) -> Iterator[str]:
    yield f"\n```lua\n{example}\n```"

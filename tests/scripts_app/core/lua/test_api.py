"""The table of the API is exactly what a VM offers."""

from __future__ import annotations

import pytest
from lupa import lua54

from scripts_app.core.lua.api import OBJECTS
from scripts_app.core.lua.binding import CALLS
from scripts_app.core.lua.source import check_script
from scripts_app.core.ports import QueueItemFacts
from tests.scripts_app.core.builders import PlainFacts, printed, row

BY_NAME = {api.name: api for api in OBJECTS}
HOW_TO_GET = {
    "item": "dataset:Append('ReferencedStudySequence')",
    "list": "study.queue:items()",
    "queue item": "study.queue:items()[1]",
}
WITH_METHODS = [name for name in BY_NAME if name not in ("functions", "series", "study", "list")]


def test_the_globals_of_a_vm_are_luas_own_and_those_of_the_table() -> None:
    own = {name.decode() for name in lua54.LuaRuntime(encoding=None).globals()} - {"python"}
    offered = set(printed("for name in pairs(_G) do print(name) end"))
    functions = {member.name for member in BY_NAME["functions"].members}
    objects = {api.name for api in OBJECTS if api.kind in ("object", "table") and "." not in api.name}
    assert offered - own == (objects | functions) - {"print"}
    assert own - offered == set()


@pytest.mark.parametrize("name", WITH_METHODS)
def test_each_object_has_the_members_of_the_table_and_no_others(name: str) -> None:
    script = f"local object = {HOW_TO_GET.get(name, name)} for member in pairs(object) do print(member) end"
    assert printed(script, facts=PlainFacts(rows=[row()])) == [member.name for member in BY_NAME[name].members]


@pytest.mark.parametrize("name", [*WITH_METHODS, "list"])
def test_each_method_of_the_table_is_a_function_and_each_field_is_none(name: str) -> None:
    filled = {field: "x" for field in QueueItemFacts.__dataclass_fields__ if field != "studyInstanceUID"}
    facts = PlainFacts(rows=[row(**{**filled, "id": 1, "attemptCount": 1})])
    for member in BY_NAME[name].members:
        script = f"local object = {HOW_TO_GET.get(name, name)} print(type(object.{member.name}))"
        (kind,) = printed(script, facts=facts)
        assert kind == (member.result if member.field else "function"), member.name


def test_every_method_with_a_python_side_stands_in_the_table() -> None:
    for owner, calls in CALLS.items():
        assert list(calls) == [member.name for member in BY_NAME[owner].members], owner


@pytest.mark.parametrize("api", OBJECTS, ids=lambda api: api.name)
def test_every_example_of_the_table_compiles_and_every_member_has_help(api) -> None:
    for member in api.members:
        assert member.help[-1] in ".?"
        if member.example and "..." not in member.example:
            source = member.example
            problems = check_script(source, "x") and check_script(f"local _ = {source}", "x")
            assert problems == [], member.example


def test_signatures_read_as_in_the_manual() -> None:
    written = {api.signature(member) for api in OBJECTS for member in api.members}
    assert {
        "dataset:Set(path, value)",
        "dataset:ToTable([path])",
        "route:Add(destination[, function])",
        "queue:countByStudy(studyUID[, state])",
        "study.queue:destinations()",
        "file.sourceAeTitle",
        "log:info(...)",
        "print(...)",
        "uid()",
        "include(path)",
    } <= written

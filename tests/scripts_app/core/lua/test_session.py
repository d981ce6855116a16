"""One VM per image: nothing of it reaches the next image, and nothing of it stays."""

from __future__ import annotations

import gc
import locale
from pathlib import Path

import pytest
from lupa import lua54

from scripts_app.core.lua import session, source
from scripts_app.core.lua.limits import Limits
from scripts_app.core.lua.source import Problem, check_script
from tests.scripts_app.core.builders import PlainFacts, printed, run

FIELD_OF = "print(pcall(function() return ({}).x end))"

POISONS = {
    "a global": ("secret = 'Doe'", "print(secret)", "nil"),
    "the string metatable": ("getmetatable('').__index = function() return 'x' end", "print(('a'):upper())", "A"),
    "a replaced function": ("string.upper = function() return 'x' end", "print(string.upper('a'))", "A"),
    "package.loaded": ("package.loaded.own = 1", "print(package.loaded.own)", "nil"),
    "a replaced proxy": ("dataset = nil", "print(dataset)", "dataset"),
    "the metatable of _G": ("setmetatable(_G, {__index = function() return 1 end})", "print(anything)", "nil"),
    "a debug hook": ("pcall(debug.sethook)", "print(debug.gethook() ~= nil)", "true"),
    "the random seed": ("math.randomseed(1) first = math.random(1e9)", "print(first)", "nil"),
    "the output file": ("io.output('/dev/null')", "print(io.output() == io.stdout)", "true"),
    "a stopped collector": ("collectgarbage('stop')", "print(collectgarbage('isrunning'))", "true"),
    "a metatable for nil": ("debug.setmetatable(nil, {__index = {x = 1}})", FIELD_OF.format("nil"), "false"),
    "a metatable for numbers": ("debug.setmetatable(1, {__index = {x = 1}})", FIELD_OF.format("1"), "false"),
    "an included library": ("include('libs/a.lua')", "print(loads) include('libs/a.lua') print(loads)", "nil"),
    "the locale": ("os.setlocale('C.UTF-8') os.setlocale('C')", "print(os.setlocale())", None),
    "a proxy's method": ("rawset(dataset, 'Get', print)", "print(dataset:Get('Modality'))", "CT"),
}  # fmt: skip


@pytest.mark.parametrize("poison", POISONS)
def test_no_poison_reaches_the_next_image(poison: str) -> None:
    script, probe, expected = POISONS[poison]
    libraries = {"libs/a.lua": "loads = (loads or 0) + 1"}
    if expected is None:
        expected = locale.setlocale(locale.LC_ALL)
    assert run(script, libraries=libraries).entries[0].reason == ""
    assert printed(probe, libraries=libraries)[0].split("\t")[0] == expected


def test_the_vm_is_closed_before_the_outcome_is_returned(tmp_path: Path) -> None:
    mark = tmp_path / "closed"
    gc.disable()
    try:
        keep = f"keep = setmetatable({{}}, {{__gc = function() io.open('{mark}', 'w'):close() end}})"
        run(f"{keep} route:Add('ARCHIVE', function() end)")
        assert mark.exists()
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "script",
    [
        "dataset:Set('StationName', 'A') dataset:Remove('MilitaryRank')",
        "study.images = (study.images or 0) + 1 print(dataset:Get('0002,0010'))",
        "route:Add('ARCHIVE', function(ds) ds:Set('PatientID', '0') end)",
        "error('no')",
        "node = queue:count('New') log:info(node)",
    ],
)
def test_nothing_of_an_image_waits_for_a_garbage_collection(script: str) -> None:
    run(script)
    gc.collect()
    gc.disable()
    try:
        run(script)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_vm_is_closed_when_a_script_failed_or_the_facts_did(tmp_path: Path) -> None:
    class Broken(PlainFacts):
        def total(self) -> int:
            raise ConnectionError

    keep = "keep = setmetatable({{}}, {{__gc = function() io.open('{}', 'w'):close() end}})"
    run(keep.format(tmp_path / "failed") + " error('fail')")
    assert (tmp_path / "failed").exists()
    with pytest.raises(ConnectionError):
        run(keep.format(tmp_path / "broken") + " queue:total()", facts=Broken())
    gc.collect()
    assert (tmp_path / "broken").exists()


def test_an_image_that_no_entry_applies_to_gets_no_vm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "lua54", None)
    assert run().outputs[0].original


def test_lua_hands_back_the_python_object_it_was_given() -> None:
    # The binding's default backend (Lua 5.5, its issue 294) mixes objects up; another patient's image would be sent.
    assert session.lua54 is lua54
    assert source.lua54 is lua54
    runtime = lua54.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
    echo = runtime.eval(b"function(object, companion) return object end")
    images = [object() for _ in range(3)]
    assert [n for n in range(20_000) if echo(images[n % 3], runtime.table()) is not images[n % 3]] == []
    assert runtime.lua_version == (5, 4)


def test_a_thousand_calls_reach_the_data_set_they_were_made_for() -> None:
    script = """
        for n = 1, 300 do
            route:Add('NODE' .. n, function(ds) kept = ds:Append('ReferencedStudySequence') ds:Set('StudyID', n) end)
        end
    """
    outcome = run(script, facts=PlainFacts(nodes=[f"NODE{n}" for n in range(1, 301)]))
    copies = [output for output in outcome.outputs if not output.original]
    assert [[c.new for c in copy.changes if c.keyword == "StudyID"] for copy in copies] == [
        [str(n)] for n in range(1, 301)
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("return 1", []),
        ("local x <const> = 0x1p4", []),
        ("#!lua\nx = 1", []),
        ("x = = 2", [Problem(1, "unexpected symbol near '='")]),
        ("\n\nfor", [Problem(3, "<name> expected near <eof>")]),
        ("goto nowhere", [Problem(1, "no visible label 'nowhere' for <goto> at line 1")]),
        ("x = 'open", [Problem(1, "unfinished string near <eof>")]),
        ("\x1bLua", [Problem(1, "attempt to load a binary chunk (mode is 't')")]),
    ],
)
def test_check_script_tells_the_line_without_running_anything(text: str, problems: list[Problem]) -> None:
    assert check_script(text, "scripts/x.lua") == problems


@pytest.mark.parametrize("chunk", ["a:1: b.lua", "x" * 200 + ".lua", "ä.lua", "entry 1"])
def test_any_chunk_name_comes_back_with_the_error(chunk: str) -> None:
    from tests.scripts_app.core.builders import entry

    (report,) = run(entry("\nerror('x')", chunk=chunk)).entries
    assert (report.file, report.line, report.reason) == (chunk, 2, "x")


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": -1}, {"memory_bytes": 1000}])
def test_limits_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limits(**wrong)

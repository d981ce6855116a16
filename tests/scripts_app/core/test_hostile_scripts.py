"""Scripts that try to stay, to grow or to get out: what the VM's own limits stop."""

from __future__ import annotations

import pytest

from scripts_app.core.lua.limits import Limits
from scripts_app.core.outcome import Verdict
from tests.scripts_app.core.builders import entry, only_report, printed, run

QUICK = Limits(seconds=0.05, memory_bytes=16 * 1024 * 1024)
TIME = "script exceeded its limit of 0.05 s"
MEMORY = "script exceeded its limit of 16 MiB"
LIVE_AND_DRY = pytest.mark.parametrize("restricted", [False, True])
ENDLESS = {
    "a plain loop": "while true do end",
    "a goto": "::again:: goto again",
    "a loop in a loop of pcall": "while true do pcall(function() while true do end end) end",
    "a loop in xpcall whose handler loops": "while true do xpcall(LOOP, LOOP) end",
    "an xpcall whose handler loops": "xpcall(error, function() while true do end end)",
    "a coroutine": "coroutine.wrap(function() while true do end end)()",
    "pcall in a coroutine": """
        local thread = coroutine.create(function() while true do pcall(error) end end)
        while true do coroutine.resume(thread) end
    """,
    "coroutines made for ever": "while true do coroutine.resume(coroutine.create(LOOP)) end",
    "recursion caught again and again": "local function f() return pcall(f) or f() end while true do f() end",
    "concat of an endless list": """
        table.concat(setmetatable({}, {__len = function() return 1e9 end, __index = function() return 'x' end}))
    """,
    "sort with a comparison that loops": "table.sort({3, 2, 1}, function() while true do end end)",
    "an iterator that never ends": "for _ in function() return 1 end do end",
    "gsub whose replacement loops": "string.gsub('x', '.', function() while true do end end)",
    "tostring whose metamethod loops": "print(setmetatable({}, {__tostring = function() while true do end end}))",
    "a metamethod of index": "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
    "a close that loops": "local t <close> = setmetatable({}, {__close = function() while true do end end})",
    "load of an endless reader": "load(function() return ' ' end)",
    "an error object whose text loops": "error(setmetatable({}, {__tostring = function() while true do end end}))",
}


@LIVE_AND_DRY
@pytest.mark.parametrize("script", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_script_is_stopped_and_the_image_fails(script: str, restricted: bool) -> None:
    limits = Limits(seconds=0.05, memory_bytes=16 * 1024 * 1024, restricted=restricted)
    loop = "local function LOOP() while true do end end"
    outcome = run(f"{loop} {script}", "print('after')", limits=limits)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.entries[0].reason in (TIME, MEMORY)
    assert outcome.outputs == ()
    assert outcome.item_log == ()


def test_the_limit_names_the_line_where_the_time_ran_out() -> None:
    report = only_report("local n = 0\nwhile true do\n  n = n + 1\nend", limits=QUICK)
    assert (report.reason, report.file) == (TIME, "entry 1")
    assert report.line in (2, 3)


@pytest.mark.parametrize("on_error", ["skip", "fail"])
def test_a_limit_fails_the_image_whatever_on_error_says(on_error: str) -> None:
    outcome = run(entry("while true do end", on_error=on_error), "print(1)", limits=QUICK)
    assert outcome.verdict is Verdict.FAILED
    assert TIME in outcome.message
    assert outcome.entries[1].reason == "not reached: entry 1 stopped the pipeline"


def test_the_time_limit_is_for_the_image_and_not_for_each_entry() -> None:
    busy = "local stop = os.clock() + 0.04 while os.clock() < stop do end"
    assert run(busy, busy, busy, limits=QUICK).verdict is Verdict.FAILED


GREEDY = {
    "rep": "return ('x'):rep(2^31 - 11)",
    "doubling": "local s = 'x' while true do s = s .. s end",
    "a table": "local t = {} for i = 1, 1e9 do t[i] = i end",
    "a table caught by pcall": "pcall(BOMB)",
    "a table caught for ever": "while true do pcall(BOMB) end",
    "a table caught by xpcall": "xpcall(BOMB, print)",
    "a table in a coroutine": "coroutine.resume(coroutine.create(BOMB))",
    "values handed to the data set": """
        local text = ('x'):rep(1e6) while true do dataset:Set('TextValue', text) end
    """,
    "values handed over inside pcall": """
        local text = ('x'):rep(1e6) for i = 1, 99 do pcall(dataset.Populate, dataset, {TextValue = text}) end
    """,
    "values kept in the state": "for i = 1, 1e9 do study[i] = ('x'):rep(1e6) end",
    "a wide concat": "return table.concat({('x'):rep(9e6), ('x'):rep(9e6)})",
}


@pytest.mark.parametrize("script", GREEDY.values(), ids=GREEDY)
def test_a_greedy_script_is_stopped_and_the_image_fails(script: str) -> None:
    bomb = "local function BOMB() local t = {} for i = 1, 1e9 do t[i] = i end end"
    outcome = run(f"{bomb} {script}", limits=Limits(seconds=10, memory_bytes=16 * 1024 * 1024))
    assert outcome.verdict is Verdict.FAILED
    assert outcome.entries[0].reason == MEMORY


@pytest.mark.fault(55, "live and dry")
@pytest.mark.parametrize("call", ["os.exit()", "os.exit(0, true)"])
@LIVE_AND_DRY
def test_os_exit_is_a_script_error_and_not_the_end_of_the_worker(call: str, restricted: bool) -> None:
    report = only_report(f"\n{call}", limits=Limits(restricted=restricted))
    assert "os.exit is not available" in report.reason
    assert report.line == 2


@pytest.mark.fault(61, "live and dry")
@pytest.mark.parametrize(
    "script",
    [
        "assert(load(string.dump(function() end)))()",
        "assert(load(string.dump(function() end), 'x', 'b'))()",
        "assert(load(string.dump(function() end), 'x', 'bt', {}))()",
        "local code = string.dump(function() end) assert(load(function() local c = code code = nil return c end))()",
    ],
)
@LIVE_AND_DRY
def test_binary_chunks_are_refused_by_load(script: str, restricted: bool) -> None:
    assert "attempt to load a binary chunk" in only_report(script, limits=Limits(restricted=restricted)).reason


@pytest.mark.fault(61, "from files")
def test_binary_chunks_are_refused_by_the_loaders_of_files(tmp_path) -> None:
    script = f"""
        local name = '{tmp_path}/code.lua'
        local file = io.open(name, 'wb') file:write(string.dump(function() return 1 end)) file:close()
        print(pcall(dofile, name))
        print(loadfile(name, 'b'))
        package.path = '{tmp_path}/?.lua'
        print(pcall(require, 'code'))
    """
    lines = printed(script)
    assert len(lines) == 3
    assert all("attempt to load a binary chunk" in line for line in lines)


@pytest.mark.fault(62, "the global python")
@LIVE_AND_DRY
def test_the_python_bridge_is_out_of_reach(restricted: bool) -> None:
    script = (
        """
        print(python, rawget(_G, 'python'), package.loaded and package.loaded.python)
    """
        if not restricted
        else "print(python, rawget(_G, 'python'), nil)"
    )
    assert printed(script, limits=Limits(restricted=restricted)) == ["nil\tnil\tnil"]


@pytest.mark.fault(62, "functions found by debug")
def test_python_functions_found_by_debug_show_nothing() -> None:
    script = """
        local seen = {}
        local function walk(f)
          for i = 1, 60 do
            local name, value = debug.getupvalue(f, i)
            if not name then break end
            if type(value) == 'userdata' then
              for _, attribute in ipairs {'__globals__', '__self__', '__class__', '__func__', '__code__'} do
                assert(not pcall(function() return value[attribute] end), name .. '.' .. attribute)
                assert(not pcall(function() value[attribute] = 1 end), name .. '.' .. attribute)
              end
            elseif type(value) == 'function' and not seen[value] then
              seen[value] = true
              walk(value)
            end
          end
        end
        walk(dataset.Get) walk(include) walk(uid)
        print('walked')
    """
    assert printed(script) == ["walked"]


@pytest.mark.fault(50, "in pcall, too")
def test_the_time_limit_keeps_its_hook() -> None:
    assert "debug.sethook is not available" in only_report("debug.sethook()").reason
    assert run("pcall(debug.sethook) while true do end", limits=QUICK).verdict is Verdict.FAILED


RESTRICTED = [
    "os.execute('true')",
    "os.getenv('HOME')",
    "os.remove('x')",
    "os.rename('x', 'y')",
    "os.setlocale('C')",
    "os.tmpname()",
    "io.open('x')",
    "io.write('x')",
    "io.popen('true')",
    "dofile('x')",
    "loadfile('x')",
    "require('x')",
    "package.loadlib('x', 'y')",
    "package.loaded.os.execute('true')",
    "debug.getregistry()",
    "debug.getupvalue(print, 1)",
    "setmetatable({}, {__gc = print})",
]


@pytest.mark.fault(76, "what a dry run may not touch")
@pytest.mark.parametrize("script", RESTRICTED)
def test_a_restricted_run_touches_no_files_processes_or_loaders(script: str) -> None:
    report = only_report(f"\n{script}", limits=Limits(restricted=True))
    assert "is not available: this run may not touch files, processes or loaders" in report.reason
    assert report.line == 2


def test_a_restricted_run_keeps_the_rest_of_the_library() -> None:
    script = """
        assert(os.date('%Y') and os.time() and os.clock() and os.difftime(2, 1) == 1)
        assert(load('return 1 + 1')() == 2 and utf8.char(228) == 'ä' and math.type(1) == 'integer')
        assert(select('#', table.unpack({1, 2})) == 2 and ('x'):rep(3) == 'xxx')
        assert(debug.traceback('here'):find('stack traceback'))
        print(coroutine.wrap(function() coroutine.yield('yielded') end)())
    """
    assert printed(script, limits=Limits(restricted=True)) == ["yielded"]


@pytest.mark.fault(59, "lines of print")
def test_output_is_cut_and_says_how_much_is_missing() -> None:
    limits = Limits(log_lines=3)
    outcome = run("for i = 1, 1000 do print(i) log:info(i) end", limits=limits)
    assert [line.message for line in outcome.item_log] == ["1", "2", "3", "... 997 lines omitted"]
    assert [line.message for line in outcome.log] == ["1", "2", "3", "... 997 lines omitted"]
    (line,) = run("print(('x'):rep(1000))", limits=Limits(log_bytes=10)).item_log
    assert line.message == "xxxxxxxxxx... (990 bytes omitted)"


@pytest.mark.fault(67, "each kind of error object")
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("error({})", "error object of type table"),
        ("error()", "error object is nil"),
        ("error(nil)", "error object is nil"),
        ("error(dataset)", "error object of type table"),
        ("error(print)", "error object of type function"),
        ("error(42)", "42"),
        ("error({message = 'told'})", "told"),
        ("error(setmetatable({}, {__tostring = function() return 'spoken' end}))", "spoken"),
        ("error('\\xff bad')", "\ufffd bad"),
        ("error(setmetatable({}, {__tostring = function() error('x') end}))", "error object of type table"),
        ("error(true)", "error object of type boolean"),
    ],
)
def test_any_error_object_becomes_a_readable_text_with_its_line(script: str, reason: str) -> None:
    report = only_report(f"\n\n{script}")
    assert (report.reason, report.line) == (reason, 3)


def test_lines_after_the_last_byte_are_counted_only() -> None:
    lines = run("print('12345') print('67890') print('x') print('y')", limits=Limits(log_bytes=10)).item_log
    assert [line.message for line in lines] == ["12345", "67890", "... 2 lines omitted"]


def test_time_spent_without_instructions_counts_too() -> None:
    outcome = run("print('quick')", limits=Limits(seconds=1e-9))
    assert outcome.verdict is Verdict.FAILED
    assert outcome.entries[0].reason == "script exceeded its limit of 1e-09 s"


@pytest.mark.fault(59, "error messages of a million characters, of the author and of refused calls")
@pytest.mark.parametrize(
    "script", ["error(('x'):rep(1e6))", "dataset:Set(('x'):rep(1e6), 'y')", "include(('x'):rep(1e6) .. '.lua')"]
)
def test_a_message_without_end_is_cut(script: str) -> None:
    reason = only_report(script).reason
    assert 4000 <= len(reason) <= 4100
    assert reason.endswith("characters omitted)")


def test_a_keyword_counts_wherever_it_stands_in_a_long_message() -> None:
    assert run("error(('x'):rep(1e5) .. ' retry')").verdict is Verdict.RETRY

"""The Lua filter page, log, print, uid, include and the standard library."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts_app.core.outcome import LogLine
from tests.scripts_app.core.builders import entry, only_report, printed, run


def test_log_has_four_levels_and_writes_to_the_application_log() -> None:
    outcome = run("log:info('i')\nlog:warn('w')\nlog:error('e')\nlog:debug('d')")
    assert outcome.log == (
        LogLine("info", "i", 1, 1),
        LogLine("warning", "w", 1, 2),
        LogLine("error", "e", 1, 3),
        LogLine("debug", "d", 1, 4),
    )
    assert outcome.item_log == ()


def test_arguments_are_converted_to_strings_and_separated_by_tabs() -> None:
    outcome = run("print('a', 1, 1.0, nil, true, nil) log:info('a', 2, nil) print()")
    assert [line.message for line in outcome.item_log] == ["a\t1\t1.0\tnil\ttrue\tnil", ""]
    assert [line.message for line in outcome.log] == ["a\t2\tnil"]


def test_print_goes_to_the_item_log_only() -> None:
    outcome = run("print('here')")
    assert (outcome.item_log, outcome.log) == ((LogLine("info", "here", 1, 1),), ())


def test_lines_honour_tostring_and_need_not_be_utf_8() -> None:
    script = "print(setmetatable({}, {__tostring = function() return 'named' end}), '\\xff')"
    assert printed(script) == ["named\t\ufffd"]


def test_log_needs_a_colon_and_one_of_its_levels() -> None:
    assert "log.info needs a colon: log:info(...)" in only_report("log.info('x')").reason
    assert "log has no 'warning' (did you mean 'warn'?)" in only_report("log:warning('x')").reason


def test_uid_makes_a_new_globally_unique_dicom_uid() -> None:
    lines = printed("for i = 1, 100 do print(uid()) end")
    assert len(set(lines)) == 100
    assert all(line.startswith("2.25.") and len(line) <= 64 and line[5:].isdigit() for line in lines)
    assert all(not line[5:].startswith("0") for line in lines)


LIBRARY = {"libs/count.lua": "loads = (loads or 0) + 1\nreturn 'result'"}


def test_include_loads_and_executes_a_file_of_the_configuration_directory() -> None:
    libraries = {"libs/anonymize.lua": "function anonymize(ds) ds:Set('PatientName', 'ANONYMOUS') end"}
    assert printed(
        "include('libs/anonymize.lua') anonymize(dataset) print(dataset:Get('PatientName'))", libraries=libraries
    ) == ["ANONYMOUS"]


def test_a_file_is_loaded_at_most_once_per_image_by_its_canonical_path() -> None:
    scripts = (
        "print(include('libs/count.lua'), include('./libs/count.lua'))",
        "print(include('libs//count.lua'), include('libs/./count.lua'), loads)",
    )
    assert printed(*scripts, libraries=LIBRARY) == ["result\tresult", "result\tresult\t1"]


def test_the_next_image_loads_the_file_again() -> None:
    script = "include('libs/count.lua') print(loads)"
    assert printed(script, libraries=LIBRARY) == printed(script, libraries=LIBRARY) == ["1"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/libs/count.lua", "must be relative"),
        ("C:/count.lua", "must be relative"),
        ("libs/count.txt", "must end in .lua"),
        ("libs/count", "must end in .lua"),
        ("../count.lua", "must not contain '..'"),
        ("libs/../libs/count.lua", "must not contain '..'"),
        ("libs/cuont.lua", "did you mean 'libs/count.lua'?"),
    ],
)
def test_the_path_must_be_relative_end_in_lua_and_cannot_contain_dots(path: str, words: str) -> None:
    report = only_report(f"\n\ninclude('{path}')", libraries=LIBRARY)
    assert words in report.reason
    assert report.line == 3


def test_include_wants_a_string() -> None:
    assert "include: the path must be a string, not nil" in only_report("include()").reason


def test_a_mistake_in_a_library_names_the_library_and_its_line() -> None:
    libraries = {"libs/bad.lua": "\n\nx = = 1", "libs/late.lua": "function late()\n\n\n  error('late')\nend"}
    report = only_report("include('libs/bad.lua')", libraries=libraries)
    assert (report.file, report.line, report.reason) == ("libs/bad.lua", 3, "unexpected symbol near '='")
    report = only_report("include('libs/late.lua') late()", libraries=libraries)
    assert (report.file, report.line, report.reason) == ("libs/late.lua", 4, "late")


def test_a_refused_call_in_a_library_names_the_library_and_its_line() -> None:
    libraries = {"libs/phi.lua": "function strip(ds)\n  ds:Set('PatientNam', 'x')\nend"}
    report = only_report("include('libs/phi.lua')\nstrip(dataset)", libraries=libraries)
    assert (report.file, report.line) == ("libs/phi.lua", 2)
    assert "PatientName" in report.reason


def test_a_library_that_fails_without_a_word_has_not_been_loaded_either() -> None:
    twice = "print(pcall(include, 'l.lua')) print(pcall(include, 'l.lua')) print(ran)"
    library = {"l.lua": "ran = (ran or 0) + 1 error()"}
    assert printed(entry(twice), libraries=library) == ["false\tnil", "false\tnil", "2"]


def test_a_library_that_fails_may_be_loaded_again_by_the_next_entry() -> None:
    libraries = {"libs/picky.lua": "if not ready then error('not ready') end picked = true"}
    outcome = run(
        "include('libs/picky.lua')", "ready = true include('libs/picky.lua') print(picked)", libraries=libraries
    )
    assert [report.status for report in outcome.entries] == ["error", "ran"]
    assert outcome.item_log[0].message == "true"


def test_libraries_may_include_each_other() -> None:
    libraries = {
        "libs/a.lua": "a = 1 include('libs/b.lua')",
        "libs/b.lua": "b = 2 include('libs/a.lua') include('libs/b.lua')",
    }
    assert printed("include('libs/a.lua') print(a, b)", libraries=libraries) == ["1\t2"]


def test_the_full_lua_5_4_standard_library_is_available() -> None:
    script = """
        local expected = {
            string = 'byte char dump find format gmatch gsub len lower match pack packsize rep reverse sub unpack '
                .. 'upper',
            table = 'concat insert move pack remove sort unpack',
            math = 'abs acos asin atan ceil cos deg exp floor fmod log max min modf rad random randomseed sin sqrt tan '
                .. 'tointeger type ult',
            os = 'clock date difftime execute exit getenv remove rename setlocale time tmpname',
            io = 'close flush input lines open output popen read tmpfile type write',
            coroutine = 'close create isyieldable resume running status wrap yield',
            utf8 = 'char codepoint codes len offset',
            debug = 'debug gethook getinfo getlocal getmetatable getregistry getupvalue getuservalue sethook setlocal '
                .. 'setmetatable setupvalue setuservalue traceback upvalueid upvaluejoin',
            package = 'loadlib searchpath',
            _G = 'assert collectgarbage dofile error getmetatable ipairs load loadfile next pairs pcall print rawequal '
                .. 'rawget rawlen rawset require select setmetatable tonumber tostring type warn xpcall',
        }
        for library, names in pairs(expected) do
            for name in names:gmatch('%S+') do
                if type(_G[library][name]) ~= 'function' then print(library .. '.' .. name) end
            end
        end
        print(_VERSION)
    """
    assert printed(script) == ["Lua 5.4"]


def test_os_date_and_string_upper_as_in_the_page() -> None:
    script = """
        dataset:Set('ContentDate', os.date('%Y%m%d'))
        local desc = dataset:Get('StudyDescription') or ''
        dataset:Set('StudyDescription', string.upper(desc))
        print(#dataset:Get('ContentDate'), dataset:Get('StudyDescription'))
    """
    assert printed(script) == ["8\tE+1"]


def test_io_reads_and_writes_files(tmp_path: Path) -> None:
    script = f"""
        local file = assert(io.open('{tmp_path}/out.txt', 'w'))
        file:write('one\\ntwo\\n') file:close()
        for line in io.lines('{tmp_path}/out.txt') do print(line) end
        print(io.type(file), io.type(io.stdout), io.type(1))
    """
    assert printed(script) == ["one", "two", "closed file\tfile\tnil"]


def test_popen_reads_what_a_process_writes() -> None:
    script = """
        local process = io.popen('echo one; echo 2 3; echo four')
        print(io.type(process), process:read(), process:read('n'), process:read('n'), process:read('L'),
            process:read('a'))
        print(process:close())
        print(io.type(process), pcall(process.read, process))
        for line in io.popen('printf "a\\nb"'):lines() do print(line) end
    """
    lines = printed(script)
    assert lines[0] == "file\tone\t2\t3\t\n\tfour\n"
    assert lines[1] == "true\texit\t0"
    assert lines[2].startswith("closed file\tfalse\t")
    assert lines[3:] == ["a", "b"]


def test_popen_writes_to_a_process(tmp_path: Path) -> None:
    script = f"""
        local process = io.popen('cat > {tmp_path}/got', 'w')
        print(process:write('some', ' ', 'thing', 1) == process, process:flush() == process, process:close())
        print(io.open('{tmp_path}/got'):read('a'))
    """
    assert printed(script) == ["true\ttrue\ttrue\texit\t0", "some thing1"]


def test_popen_tells_how_the_process_ended() -> None:
    script = """
        print(io.popen('exit 3'):close())
        print(io.popen('kill -9 $$'):close())
        print(pcall(io.popen, 'true', 'rw'))
        print(pcall(io.popen))
        local process <close> = io.popen('true')
        print(io.close(io.popen('exit 4')))
    """
    lines = printed(script)
    assert lines[:2] == ["nil\texit\t3", "nil\tsignal\t9"]
    assert "bad argument #2 to 'popen' (invalid mode)" in lines[2]
    assert "bad argument #1 to 'popen' (string expected, got nil)" in lines[3]
    assert lines[4] == "nil\texit\t4"


def test_a_process_left_open_is_ended_with_the_image(tmp_path: Path) -> None:
    run(f"left = io.popen('cat > {tmp_path}/left', 'w') left:write('kept')")
    assert (tmp_path / "left").read_text() == "kept"
    fds = len(os.listdir("/dev/fd"))
    run("for i = 1, 20 do io.popen('true') end")
    assert len(os.listdir("/dev/fd")) == fds


def test_require_finds_modules_as_text(tmp_path: Path) -> None:
    (tmp_path / "mine.lua").write_text("return {answer = 42}")
    assert printed(f"package.path = '{tmp_path}/?.lua' print(require('mine').answer, require('string') == string)") == [
        "42\ttrue"
    ]


def test_coroutines_yield_and_end_as_in_lua() -> None:
    script = """
        local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
        print(co(1), co(10), pcall(co))
        local thread = coroutine.create(function() error('inside') end)
        print(coroutine.resume(thread))
        print(coroutine.status(thread), coroutine.isyieldable(), select(2, coroutine.running()))
        print(pcall(coroutine.wrap(function() pcall(coroutine.yield, 1) error({code = 5}) end)))
    """
    assert printed(script) == [
        "2\t20\tfalse\tcannot resume dead coroutine",
        "false\tentry 1:4: inside",
        "dead\tfalse\ttrue",
        "true\t1",
    ]


def test_pcall_xpcall_and_load_behave_as_in_lua() -> None:
    script = """
        print(pcall(error, {1}))
        print(select('#', pcall(function() return 1, nil, nil end)))
        print(xpcall(function(a, b) return a + b end, print, 1, 2))
        print(xpcall(error, function(e) return 'handled ' .. e end, 'x'))
        print(load('return ...')(7), load('syntax error here'))
        print(load('return x', 'name', 't', {x = 5})())
        local parts = {'return ', '1 + 1'}
        print(load(function() return table.remove(parts, 1) end)())
    """
    lines = printed(script)
    assert lines[0].startswith("false\ttable: ")
    assert lines[1:4] == ["4", "true\t3", "false\thandled x"]
    assert lines[4].startswith("7\tnil\t")
    assert lines[5:] == ["5", "2"]


def test_file_scripts_are_named_by_their_path() -> None:
    outcome = run(entry("\nerror('x')", chunk="scripts/route-smart.lua"))
    report = outcome.entries[0]
    assert (report.file, report.line, report.reason) == ("scripts/route-smart.lua", 2, "x")


def test_a_script_may_begin_with_a_byte_order_mark_or_an_interpreter_line() -> None:
    assert printed("\ufeffprint('bom')", "#!/usr/bin/lua\nprint('line')") == ["bom", "line"]


@pytest.mark.parametrize(
    ("command", "told"),
    [("exit 0", "true\texit\t0"), ("exit 2", "nil\texit\t2"), ("kill -9 $$", "nil\tsignal\t9")],
)
def test_a_command_tells_how_it_ended_as_the_lua_manual_says(command: str, told: str) -> None:
    assert printed(f"print(os.execute('{command}'))") == [told]
    assert printed(f"print(io.popen('{command}'):close())") == [told]


def test_there_is_a_shell() -> None:
    assert printed("print(os.execute())") == ["true"]

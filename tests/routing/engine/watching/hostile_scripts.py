"""Hostile scripts, by what becomes of their image under a real worker."""

from __future__ import annotations

from routing.processes.initial_environment import SECRETS
from tests.scripts_app.core.test_hostile_scripts import ENDLESS, GREEDY

TIME = "script exceeded its limit of 1 s"
MEMORY = "script exceeded its limit of 16 MiB"
CRASHED = "the script crashed (signal 6) the process that ran it"

FAILS = {
    "a plain loop": ("while true do end", TIME),
    "pcall in a loop": ("while true do pcall(function() while true do end end) end", TIME),
    "xpcall whose handler loops": ("xpcall(error, function() while true do end end)", TIME),
    "a coroutine": ("coroutine.wrap(function() while true do end end)()", TIME),
    "without the hook": ("pcall(debug.sethook) while true do end", TIME),
    "a pattern": ("local s = ('a'):rep(40) s:find(('a*'):rep(20) .. 'b')", TIME),
    "table.move": ("table.move({}, 1, math.maxinteger - 10, 2)", TIME),
    "a finaliser": ("setmetatable({}, {__gc = function() while true do end end})", TIME),
    "waiting for a process": ("os.execute('sleep 60')", TIME),
    "reading a pipe": ("os.execute('mkfifo ' .. FOLDER .. '/fifo') io.open(FOLDER .. '/fifo'):read()", TIME),
    "rep": ("return ('x'):rep(2^31 - 11)", MEMORY),
    "doubling": ("local s = 'x' while true do s = s .. s end", MEMORY),
    "a table": ("local t = {} for i = 1, 1e9 do t[i] = i end", MEMORY),
    "a table in pcall": ("while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = i end end) end", MEMORY),
    "abort": ("package.loadlib('libc.so.6', '*') package.loadlib('libc.so.6', 'abort')()", CRASHED),
}
"""The image has failed, and its error says why."""
ERRORS = {
    "os.exit": ("os.exit()", "os.exit is not available"),
    "os.exit in pcall": ("local ok, why = pcall(os.exit, 3) error(why)", "os.exit is not available"),
    "byte code": ("assert(load(string.dump(function() end)))()", "attempt to load a binary chunk"),
    "python": ("python.eval('1')", "attempt to index a nil value (global 'python')"),
    "an error that is a table": ("error({})", "error object of type table"),
    "an error that is nil": ("error(nil)", "error object is nil"),
    "an error that is no text": ("error('\\xff')", "\ufffd"),
    "pixel data as a table": ("dataset:Set('PixelData', {})", "PixelData"),
    "an unknown destination": ("route:Add('NOWHERE')", "no Storage node has the AE title 'NOWHERE'"),
}
"""The entry has an error, which its log says; the image goes on without the entry's effects."""
GOES = {
    "a background process": "os.execute('sleep 399 &')",
    "a daemon": "os.execute('setsid sleep 398 >/dev/null 2>&1 &')",
    "many lines": "for i = 1, 5e3 do print(i) end",
    "many files": "local t = {} for i = 1, 5000 do t[i] = io.open('/dev/null') end",
    "poison": "getmetatable('').__index = nil x = 1 os.setlocale('C') setmetatable(_G, {__index = error})",
    "secrets": "print(" + ", ".join(f"os.getenv('{name}')" for name in SECRETS) + ", io.popen('env'):read('a'))",
}
"""The image goes on."""

_LOOP = "local function LOOP() while true do end end"
_BOMB = "local function BOMB() local t = {} for i = 1, 1e9 do t[i] = i end end"
_TRIED = {script for script, _ in FAILS.values()}
MANY_FAIL = {
    **{f"endless: {name}": (f"{_LOOP} {script}", TIME) for name, script in ENDLESS.items() if script not in _TRIED},
    **{f"greedy: {name}": (f"{_BOMB} {script}", MEMORY) for name, script in GREEDY.items() if script not in _TRIED},
    "gsub of a long text": ("('a'):rep(200000):gsub('.-b', '')", TIME),
    "a stopped worker": ("os.execute('kill -STOP $PPID')", TIME),
    "no stack left": ("local function f() return f() + 1 end f()", MEMORY),
    "endless text of a program": ("io.popen('yes'):read('a')", MEMORY),
    "garbage that stays": ("collectgarbage('stop') for i = 1, 1e9 do local t = {i} end", MEMORY),
    "calls of uid": ("while true do uid() end", TIME),
    "lines of log": ("while true do log:info('x') end", TIME),
    "lines of print": ("while true do print('x') end", TIME),
    "edits": ("while true do dataset:Set('PatientName', 'x') end", TIME),
    "questions": ("while true do queue:total() end", TIME),
    "methods of strings": (
        "getmetatable('').__index = function() return function() while true do end end end ('x'):foo()",
        TIME,
    ),
    "pairs of a table": ("dataset:Populate(setmetatable({}, {__pairs = function() while true do end end}))", TIME),
    "a route function": ("route:Add('PACS', function(ds) while true do end end)", TIME),
    "a trap": ("package.loadlib('libc.so.6', 'abort')()", CRASHED),
}
MANY_GO = {
    "a table in itself": "local t = {} t[1] = t dataset:Set('ReferencedStudySequence', t)",
    "keys in themselves": "local t = {} t.PatientName = t dataset:Populate(t)",
    "a deep table": "local t = {} for i = 1, 1e5 do t = {t} end dataset:Set('ReferencedStudySequence', t)",
    "a deep table to keep": "local t = {} for i = 1, 1e5 do t = {a = t} end study.x = t",
    "a table in itself to keep": "local t = {} t.t = t study.x = t",
    "a key that is no number": "study[0/0] = 1",
    "a width": "('%99999d'):format(1)",
    "no text": "dataset:Set('PatientName', '\\xff')",
    "NUL": "dataset:Set('PatientName', 'a\\0b')",
    "the registry": "for k in pairs(debug.getregistry()) do debug.getregistry()[k] = nil end",
    "what is loaded": "for k in pairs(package.loaded) do package.loaded[k] = nil end print('x')",
    "all globals": "for k in pairs(_G) do _G[k] = nil end",
    "the objects": "dataset = nil route = nil study = nil",
    "the data set's metatable": "local m = getmetatable(dataset) for k in pairs(m) do m[k] = nil end",
    "a method": "dataset.Get = print",
    "a finaliser that ends": "setmetatable({}, {__gc = function() os.exit(9) end})",
    "a coroutine that closes itself": "coroutine.wrap(function() coroutine.close(coroutine.running()) end)()",
    "a yield to nobody": "coroutine.yield()",
    "a program nobody reads": "io.popen('yes')",
    "the root folder": "os.rename('/', '/x')",
    "the files' metatable": "debug.setmetatable(io.stdout, {})",
    "values of files": "debug.setuservalue(io.stdout, {}, 1)",
    "another hook": "debug.sethook(function() error('x') end, '', 1)",
    "a data set as a tag": "dataset:Get(dataset)",
    "a long tag": "dataset:Set(('x'):rep(1e6), 'y')",
    "a long message": "error(('x'):rep(1e6))",
    "a text that is no text": "error(setmetatable({}, {__tostring = function() return {} end}))",
    "an absurd length": "dataset:Set('PatientName', setmetatable({}, {__len = function() return 1e9 end}))",
    "another's method": "dataset.Get(1, 2)",
    "a call": "dataset()",
}
"""With or without an error of the entry, the image goes on."""
CORRUPTS = "the registry"
"""One of those: it takes from Lua what Lua stands on; the process may crash, and the image has failed then."""

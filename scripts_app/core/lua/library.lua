-- Lua's own library, made fit for a worker: limits that reach everywhere, no way out of the process.
local restricted, expired, exceeded, locale_changes, open_process, process_opened, close_process = ...

local error, getmetatable, pcall, rawget, select, setmetatable, type, xpcall =
  error, getmetatable, pcall, rawget, select, setmetatable, type, xpcall
local rawload, rawloadfile, getinfo, sethook = load, loadfile, debug.getinfo, debug.sethook
local create, resume, close = coroutine.create, coroutine.resume, coroutine.close
local tostring = tostring

python = nil
package.loaded.python = nil

-- Limits --------------------------------------------------------------------------------------------

local INTERVAL = 1000                       -- instructions between two looks at the clock
local OUT_OF_MEMORY = 'not enough memory'   -- Lua's own words
local LIMIT = 'script exceeded its limit'
local over = false
local known = {}                            -- source -> name of the author's chunk

local function place(level)
  for at = level, level + 200 do
    local info = getinfo(at, 'Sl')
    if not info then return nil end
    if known[info.source] and info.currentline > 0 then return known[info.source], info.currentline end
  end
end

local tick

-- Once over, every single instruction fails, so that no pcall in a loop can go on.
local function stop(what, level)
  if not over then
    exceeded(what, place(level + 1))
    over = true -- only now: the hook may strike in the line above, and has to report then
  end
  sethook(tick, '', 1)
  error(LIMIT, 0)
end

function tick()
  if over or expired() then stop('time', 3) end
end

local function settle(ok, ...)
  if not ok then
    if over then error(LIMIT, 0) end
    if (...) == OUT_OF_MEMORY then stop('memory', 3) end
    -- The hook cannot be called where the C stack is full, which a loop may make its home.
    if expired() then stop('time', 3) end
  end
  return ok, ...
end

local rawpcall, rawxpcall = pcall, xpcall
function _G.pcall(...) return settle(rawpcall(...)) end
function _G.xpcall(f, handler, ...)
  return settle(rawxpcall(f, function(problem)
    if over then return problem end
    return handler(problem)
  end, ...))
end

-- Hooks belong to one coroutine: each new one gets its own.
function coroutine.create(f)
  local thread = create(f)
  sethook(thread, tick, '', INTERVAL)
  return thread
end
function coroutine.resume(...) return settle(resume(...)) end

local function delivered(thread, ok, ...)
  if ok then return ... end
  local problem = ...
  close(thread)
  error(problem, 0)
end
local hooked = coroutine.create
function coroutine.wrap(f)
  local thread = hooked(f)
  return function(...) return delivered(thread, settle(resume(thread, ...))) end
end

sethook(tick, '', INTERVAL)

-- Loaders: text only, for a binary chunk can crash the process -------------------------------------

function _G.load(chunk, name, _, ...)
  if select('#', ...) > 0 then return rawload(chunk, name, 't', (...)) end
  return rawload(chunk, name, 't')
end

local function refuse(name, why) return function() error(name .. ' is not available: ' .. why, 2) end end

local function closed(name, why, kept)
  return setmetatable(kept or {}, {
    __index = function(_, key) error(name .. '.' .. tostring(key) .. ' is not available: ' .. why, 2) end,
    __metatable = false,
  })
end

os.exit = refuse('os.exit', 'it would end the worker; use return or error')

if restricted then
  local why = 'this run may not touch files, processes or loaders'
  local traceback = debug.traceback
  for _, name in ipairs {'execute', 'getenv', 'remove', 'rename', 'setlocale', 'tmpname'} do
    os[name] = refuse('os.' .. name, why)
  end
  for _, name in ipairs {'dofile', 'loadfile', 'require'} do _G[name] = refuse(name, why) end
  io, package = closed('io', why), closed('package', why)
  debug = closed('debug', why, {traceback = traceback})
  -- A finaliser runs without hooks, while the VM is closed.
  local set = setmetatable
  function _G.setmetatable(t, meta)
    if type(meta) == 'table' and rawget(meta, '__gc') ~= nil then
      error('__gc is not available: ' .. why, 2)
    end
    return set(t, meta)
  end
else
  debug.sethook = refuse('debug.sethook', 'the hook is taken by the time limit')

  function _G.loadfile(path, _, ...)
    if select('#', ...) > 0 then return rawloadfile(path, 't', (...)) end
    return rawloadfile(path, 't')
  end
  local textfile = _G.loadfile
  function dofile(path)
    local chunk, problem = textfile(path)
    if not chunk then error(problem, 0) end
    return chunk()
  end
  package.searchers[2] = function(name)
    local path, missing = package.searchpath(name, package.path)
    if not path then return missing end
    local chunk, problem = textfile(path)
    if not chunk then error('error loading module \'' .. name .. '\': ' .. problem, 0) end
    return chunk, path
  end

  -- The binding is built without POSIX: it hands on what wait(2) says instead of taking it apart.
  local execute = os.execute
  function os.execute(command)
    if command == nil then return execute() end
    local ok, how, status = execute(command)
    if how ~= 'exit' or type(status) ~= 'number' then return ok, how, status end
    local signal = status & 0x7f
    if signal ~= 0 then return nil, 'signal', signal end
    return ok, 'exit', status >> 8
  end

  -- The locale is the process's, not the VM's: it is put back for the next image.
  local setlocale = os.setlocale
  function os.setlocale(locale, category)
    if locale ~= nil then locale_changes() end
    return setlocale(locale, category)
  end

  -- The binding is built without popen: the process is Python's, the pipe a real Lua file.
  local open, iotype, ioclose = io.open, io.type, io.close
  local pipes = setmetatable({}, {__mode = 'k'})
  local Process = {}

  local function pipe_of(self)
    local pipe = pipes[self]
    if not pipe then error('bad argument #1 (FILE* expected, got ' .. type(self) .. ')', 3) end
    if not pipe.file then error('attempt to use a closed file', 3) end
    return pipe
  end
  function Process:read(...) return pipe_of(self).file:read(...) end
  function Process:lines(...) return pipe_of(self).file:lines(...) end
  function Process:flush() return pipe_of(self).file:flush() and self end
  function Process:setvbuf(...) return pipe_of(self).file:setvbuf(...) end
  function Process:seek(...) return pipe_of(self).file:seek(...) end
  function Process:write(...)
    local file, problem, code = pipe_of(self).file:write(...)
    if file then return self end
    return nil, problem, code
  end
  function Process:close()
    local pipe = pipe_of(self)
    pipe.file:close()
    pipe.file = nil
    return close_process(pipe.id)
  end
  local meta = {
    __index = Process, __name = 'FILE*', __metatable = false,
    __close = function(self) if pipes[self].file then self:close() end end,
    __tostring = function(self) return pipes[self].file and 'file (process)' or 'file (closed)' end,
  }
  function io.popen(command, mode)
    if type(command) ~= 'string' then
      error('bad argument #1 to \'popen\' (string expected, got ' .. type(command) .. ')', 2)
    end
    if mode == nil then mode = 'r' end
    if mode ~= 'r' and mode ~= 'w' then error('bad argument #2 to \'popen\' (invalid mode)', 2) end
    local id, path = open_process(command, mode)
    if not id then return nil, path end
    local file, problem, code = open(path, mode)
    process_opened(id)
    if not file then return nil, problem, code end
    local process = setmetatable({}, meta)
    pipes[process] = {file = file, id = id}
    return process
  end
  function io.type(value)
    local pipe = pipes[value]
    if pipe then return pipe.file and 'file' or 'closed file' end
    return iotype(value)
  end
  function io.close(file)
    if file ~= nil and pipes[file] then return file:close() end
    if file == nil then return ioclose() end
    return ioclose(file)
  end
end

-- Running -------------------------------------------------------------------------------------------

local failed_in, failed_at

-- Tell where the author's code stood; runs before the stack is unwound.
local function handler(problem)
  failed_in, failed_at = place(3)
  local kind = type(problem)
  if kind == 'string' then return problem end
  if kind == 'number' then return tostring(problem) end
  if kind == 'nil' then return 'error object is nil' end
  local meta = kind == 'table' and getmetatable(problem)
  if type(meta) == 'table' and meta.__tostring then
    local ok, text = rawpcall(tostring, problem)
    if ok then return text end
  end
  if kind == 'table' and type(rawget(problem, 'message')) == 'string' then return rawget(problem, 'message') end
  return 'error object of type ' .. kind
end

local function run(f, ...)
  failed_in, failed_at = nil, nil
  local ok, problem = rawxpcall(f, handler, ...)
  if not ok and problem == OUT_OF_MEMORY then stop('memory', 2) end
  return ok, problem, failed_in, failed_at
end

local function learn(chunk, name)
  local info = getinfo(chunk, 'S')
  known[info.source] = name
  return info.short_src
end

return run, learn

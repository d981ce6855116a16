-- What scripts see: tables without content, whose methods ask Python by handle.
--
-- No Python object but functions held here as upvalues ever enters a script. Each of them answers
-- ok, value, shape, extra; when not ok, value is the message, raised here at the author's line,
-- because a Python exception would lose it.
local bind, members, unknown, refused, state, note, new_uid, library, facts_of_file, studied = ...

local error, getmetatable, ipairs, pairs, rawset, select, setmetatable, tostring, type =
  error, getmetatable, ipairs, pairs, rawset, select, setmetatable, tostring, type
local concat, getinfo, tointeger, rawnext = table.concat, debug.getinfo, math.tointeger, next
local find, gsub = string.find, string.gsub

local current          -- source of the entry that runs
local DEEPEST = 64

local function weak() return setmetatable({}, {__mode = 'k'}) end
local handles = weak()   -- proxy -> what Python knows it by
local owners = weak()    -- proxy -> name of its kind
local iterators = weak() -- proxy -> its next()

-- Line of the entry's own script that led to the API call; libraries are looked through.
local function line()
  for level = 3, 200 do
    local info = getinfo(level, 'Sl')
    if not info then return nil end
    if info.source == current then return info.currentline end
  end
end

-- A copy without metatables, so that Python sees what pairs() shows.
local KEPT = {boolean = true, number = true, string = true}
local function plain(value, seen, depth)
  if KEPT[type(value)] then return value end
  if type(value) ~= 'table' or owners[value] then
    return nil, 'a ' .. (owners[value] or type(value)) .. ' cannot be kept; strings, numbers, booleans and tables of these can'
  end
  if seen[value] then return nil, 'a table must not contain itself' end
  if depth > DEEPEST then return nil, 'tables are nested deeper than ' .. DEEPEST .. ' levels' end
  seen[value] = true
  local copy = {}
  for key, inner in pairs(value) do
    if type(key) ~= 'string' and type(key) ~= 'number' then return nil, 'a key must be a string or a number' end
    local kept, problem = plain(inner, seen, depth + 1)
    if problem then return nil, problem end
    copy[key] = kept
  end
  seen[value] = nil
  return copy
end

-- An error at the author's line which quotes the author's names: Python is told, for no keyword in it counts.
local function refuse(message)
  refused(message)
  error(message, 3)
end

local shapes, kinds = {}, {}

local function method(owner, name)
  local fn, recorded = bind(owner, name)
  if not fn then return nil end
  local receiver = (owner == 'item') and 'dataset' or owner
  return function(self, a, b)
    local handle = handles[self]
    local kind = owners[self]
    if handle == nil or (kind ~= owner and kind ~= receiver and not (owner == 'dataset' and kind == 'item')) then
      error(owner .. '.' .. name .. ' needs a colon: ' .. owner .. ':' .. name .. '(...)', 2)
    end
    local problem
    if type(a) == 'table' then a, problem = plain(a, {}, 1) end
    if not problem and type(b) == 'table' then b, problem = plain(b, {}, 1) end
    if problem then error(owner .. ':' .. name .. ': ' .. problem, 2) end
    local ok, value, shape, extra = fn(handle, recorded and line() or nil, a, b)
    if not ok then error(value, 2) end
    if shape then return shapes[shape](value, extra) end
    return value
  end
end

local function read_only(owner)
  return function(_, name) refuse(owner .. ' is read-only: ' .. tostring(name) .. ' cannot be assigned') end
end

local function each(names, value_of)
  return function()
    local i = 0
    return function()
      i = i + 1
      if names[i] ~= nil then return names[i], value_of(names[i]) end
    end
  end
end

-- The metatable of a kind of object; methods are bound when they are first used.
local function kind_of(owner)
  local kind = kinds[owner]
  if not kind then
    local methods = setmetatable({}, {__index = function(methods, name)
      local found = method(owner, name)
      if not found then error(unknown(owner, name), 2) end
      rawset(methods, name, found)
      return found
    end})
    kind = {
      __index = methods,
      __newindex = read_only(owner),
      __pairs = function() return each(members(owner), function(name) return methods[name] end)() end,
      __name = owner, __metatable = false,
      __tostring = function() return owner end,
    }
    kinds[owner] = kind
  end
  return kind
end

local function object(owner, handle)
  local proxy = setmetatable({}, kind_of(owner))
  handles[proxy], owners[proxy] = handle, owner
  return proxy
end

-- An object that has fields only.
local function record(owner, fields)
  return setmetatable({}, {
    __index = function(_, name)
      local value = fields[name]
      if value == nil then
        local problem = unknown(owner, name)
        if problem then error(problem, 2) end
      end
      return value
    end,
    __newindex = read_only(owner),
    __pairs = function() return each(members(owner), function(name) return fields[name] end)() end,
    __name = owner, __metatable = false,
    __tostring = function() return owner end,
  })
end

-- n elements, fetched one by one when they are looked at.
local function list(fetch, n)
  local fetched = {}
  local function get(i)
    i = tointeger(i)
    if not i or i < 1 or i > n then return nil end
    local element = fetched[i]
    if element == nil then
      element = fetch(i)
      fetched[i] = element
    end
    return element
  end
  local methods = {
    count = function() return n end,
    get = function(self, i)
      if i == nil or not tointeger(i) then error('list:get needs a whole number: list:get(1)', 2) end
      return get(i)
    end,
    Length = n,
  }
  local function following(_, i)
    i = (i or 0) + 1
    if i <= n then return i, get(i) end
    return nil
  end
  local proxy = setmetatable({}, {
    __index = function(_, key)
      if type(key) == 'number' then return get(key) end
      local found = methods[key]
      if found == nil then error(unknown('list', key), 2) end
      return found
    end,
    __len = function() return n end,
    __pairs = function(self) return following, self, nil end,
    __newindex = read_only('list'),
    __name = 'list', __metatable = false,
    __tostring = function() return 'list of ' .. n end,
  })
  iterators[proxy] = following
  return proxy
end

shapes.item = function(handle) return object('item', handle) end
shapes.items = function(fetch, n) return list(function(i) return object('item', fetch(i)) end, n) end
shapes.rows = function(fetch, n) return list(function(i) return record('queue item', fetch(i)) end, n) end
shapes.strings = function(values, n) return list(function(i) return values[i] end, n) end

local state_get, state_set, state_keys, state_count = state.get, state.set, state.keys, state.count
local nodes = setmetatable({}, {__mode = 'v'})

-- A study or series table, or one kept in it so many levels down: every assignment is checked and kept at once.
local function state_table(handle, name, level, special)
  local proxy = nodes[handle]
  if proxy then return proxy end
  local function get(key)
    if special and special[key] then return special[key] end
    local ok, value, is_table = state_get(handle, key)
    if not ok then return nil end
    if is_table then return state_table(value, name .. '.' .. tostring(key), level + 1) end
    return value
  end
  local keys, places -- as the traversal in hand found them: it may remove what it has reached, not add
  local function following(_, key)
    if key == nil or places == nil then
      keys, places = state_keys(handle), {}
      for i, known in ipairs(keys) do places[known] = i end
    end
    local i = key == nil and 0 or places[key]
    if not i then error('invalid key to \'next\'', 3) end
    while keys[i + 1] ~= nil do
      i = i + 1
      local value = get(keys[i])
      if value ~= nil then return keys[i], value end
    end
    return nil
  end
  proxy = setmetatable({}, {
    __index = function(_, key) return get(key) end,
    __newindex = function(_, key, value)
      if name == 'study' and key == 'queue' then error('study.queue cannot be assigned: it is the study\'s queue', 2) end
      local problem
      if value ~= nil then value, problem = plain(value, {}, level) end
      if not problem then
        local ok, message = state_set(handle, key, value)
        problem = not ok and message
      end
      if problem then refuse(name .. '.' .. tostring(key) .. ': ' .. problem) end
      if value ~= nil and places and not places[key] then places = nil end
    end,
    __len = function() return state_count(handle) end,
    __pairs = function() return each(state_keys(handle), get)() end,
    __name = name, __metatable = false,
    __tostring = function() return name end,
  })
  nodes[handle], iterators[proxy] = proxy, following
  return proxy
end

local function joined(...)
  local parts = {...}
  for i = 1, select('#', ...) do parts[i] = tostring((select(i, ...))) end
  return concat(parts, '\t')
end

for _, name in ipairs {'dataset', 'route', 'queue', 'node'} do _G[name] = object(name, 1) end

log = object('log', 1)
for _, level in ipairs {'debug', 'info', 'warn', 'error'} do
  rawset(kind_of('log').__index, level, function(self, ...)
    if self ~= log and owners[self] ~= 'log' then error('log.' .. level .. ' needs a colon: log:' .. level .. '(...)', 2) end
    note(level, line(), joined(...))
  end)
end

file = record('file', facts_of_file)
study = state_table('study', 'study', 1, studied and {queue = object('study.queue', 1)})
series = state_table('series', 'series', 1)

function print(...) note('print', line(), joined(...)) end
function uid() return new_uid() end

-- The sender chooses what a value says: unquoted in a command it is a program of the sender's.
function sh_quote(...)
  local words = {}
  for i = 1, select('#', ...) do
    local word = select(i, ...)
    if word == nil then error('sh_quote: argument ' .. i .. ' is nil', 2) end
    word = tostring(word)
    if find(word, '\0', 1, true) then error('sh_quote: argument ' .. i .. ' holds a NUL', 2) end
    words[i] = "'" .. gsub(word, "'", "'\\''") .. "'"
  end
  return concat(words, ' ')
end

local included = {} -- canonical path -> {result}, also while the file runs
local fresh = {}    -- paths that the entry in hand was the first to include

function include(path)
  local ok, name, chunk = library(path)
  if not ok then error(name, 2) end
  local known = included[name]
  if known then return known[1] end
  local running = {}
  included[name] = running
  fresh[#fresh + 1] = name
  local loaded = false -- the error of one that fails may be nil
  -- A file that fails has not been loaded: the next entry may try again.
  local undo <close> = setmetatable({}, {__close = function()
    if not loaded then included[name] = nil end
  end})
  running[1] = chunk()
  loaded = true
  return running[1]
end

-- next() does not honour metatables, but study and lists are to look like tables.
function next(t, key)
  local iterator = iterators[t]
  if iterator then return iterator(t, key) end
  return rawnext(t, key)
end

local function enter(source) current, fresh = source, {} end

-- What a failed entry has included never ran: its edits are taken back, so the next entry loads it again.
local function undone()
  for _, name in ipairs(fresh) do included[name] = nil end
end

return enter, function(handle) return object('dataset', handle) end, undone

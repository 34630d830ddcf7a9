--- Which loop an operation waits in.
--
-- An adapter is a small table:
--
--   name    what messages call it
--   wait    function(fd, events, seconds, owner) -> true | nil, reason
--           Returns when `fd` is ready for `events` ("r", "w" or "rw"), when `seconds` have gone
--           by (nil: no limit), or earlier for no reason: the caller looks for itself. With nil
--           and a reason the operation is given up: the user gets the code canceled. `owner`
--           stands for the socket: where it is the same, `fd` means the same too.
--   forget  function(fd), optional: called before `fd` is closed
--   level   of those that come with the module: true where the wait is for the state of `fd`, not
--           for a change, and leaves nothing that a close could hurt
--   loud    of those: true where the loop itself complains of a socket whose connect has failed
--
-- The rule: what the call or connection was given, else what was set for the process, else the
-- loop that is surely running this coroutine, else blocking. Nothing is guessed: a loop that is
-- only probably running does not count. docs/loops.md has the reasons.
local blocking = require "sslconnect.loop.blocking"
local options = require "sslconnect.options"

local loop = {}

local names = {"blocking", "coroutine", "embedded", "cqueues", "luv", "copas"}
local is_builtin = {}
for _, name in ipairs(names) do is_builtin[name] = true end

local builtin = {} -- name -> adapter, those in use

local process_wide

-- Adapters that a descriptor may be in: all that were found by name or set for the process.
local known = setmetatable({}, {__mode = "k"})

local bad = options.bad

--- One that comes with the module. What it needs, the loop's own library, may be missing.
local function load_builtin(name)
  if builtin[name] then return builtin[name] end
  if not is_builtin[name] then
    return bad('loop "%s" is not known; there are "%s"', name:sub(1, 60),
      table.concat(names, '", "'))
  end
  local ok, adapter = pcall(require, "sslconnect.loop." .. name)
  if not ok then
    return bad('loop "%s" cannot be used: %s', name, tostring(adapter):match("[^\n]*"))
  end
  builtin[name], known[adapter] = adapter, true
  return adapter
end

--- An adapter by name, or an adapter checked for its shape.
---@param which string|table
---@return table|nil adapter
---@return table|nil err  bad_option
function loop.find(which)
  if type(which) == "string" then return load_builtin(which) end
  if type(which) ~= "table" or type(which.wait) ~= "function" then
    return bad("loop is a %s; expected a name or an adapter with a function wait", type(which))
  end
  if which.forget ~= nil and type(which.forget) ~= "function" then
    return bad("the loop's forget is a %s; expected a function", type(which.forget))
  end
  return which
end

--- Sets the loop for all that names none itself; nil for the default again.
---@param which string|table|nil
---@return true|nil ok
---@return table|nil err  bad_option
function loop.set(which)
  if which == nil then
    process_wide = nil
    return true
  end
  local adapter, err = loop.find(which)
  if not adapter then return nil, err end
  process_wide = adapter
  known[adapter] = true
  return true
end

local loaded = package.loaded

--- The adapter, if its loop runs this coroutine.
local function running(name)
  local adapter = builtin[name] or load_builtin(name)
  return adapter and adapter.running() and adapter or nil
end

--- The adapter of the loop that surely runs this coroutine; nil where none does. These loops can be
-- asked, where they are loaded, whether it was they who resumed it. None is resumed by two of them.
local function detect()
  return loaded["sslconnect.loop.embedded"] and running "embedded" or
    loaded.cqueues and running "cqueues" or nil
end

--- The adapter to wait with now.
---@param explicit table|nil  an adapter
---@return table adapter
function loop.choose(explicit)
  return explicit or process_wide or detect() or blocking
end

--- Whether a loop was named, for this call or for the process.
---@param explicit table|nil  an adapter
---@return boolean
function loop.is_set(explicit)
  return explicit ~= nil or process_wide ~= nil
end

--- Tells every loop that may have the descriptor in its set that it is about to be closed. Whoever
-- closes it need not be in the loop of those who wait for it.
---@param explicit table|nil  an adapter
---@param fd integer|nil
function loop.forget(explicit, fd)
  if not fd or not explicit and next(known) == nil then return end
  local all = {explicit and not known[explicit] and explicit or nil}
  for adapter in pairs(known) do all[#all + 1] = adapter end
  for _, adapter in ipairs(all) do
    if adapter.forget then adapter.forget(fd) end
  end
end

return loop

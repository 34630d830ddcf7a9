--- Which loop an operation waits in.
--
-- An adapter is a small table:
--
--   name    what messages call it
--   wait    function(fd, events, seconds) -> true | nil, reason
--           Returns when `fd` is ready for `events` ("r", "w" or "rw"), when `seconds` have gone
--           by (nil: no limit), or earlier for no reason: the caller looks for itself. With nil
--           and a reason the operation is given up: the user gets the code canceled.
--   forget  function(fd), optional: called before `fd` is closed
--
--   running function() -> boolean, optional: whether the current coroutine surely is one that this
--           loop resumes
--
-- The rule: what the call or connection was given, else what was set for the process, else the
-- embedded loop where it runs this coroutine, else blocking. Nothing is guessed: a loop that is
-- only probably running does not count.
local core = require "sslconnect.core"
local embedded = require "sslconnect.loop.embedded"

local loop = {}

local builtin = {blocking = true, coroutine = true, embedded = true}
local process_wide

local function bad(message, ...)
  return nil, core.error("bad_option", "config", message:format(...))
end

--- An adapter by name, or an adapter checked for its shape.
---@param which string|table
---@return table|nil adapter
---@return table|nil err  bad_option
function loop.find(which)
  if type(which) == "string" then
    if not builtin[which] then
      return bad('loop "%s" is not known; there are "blocking", "coroutine" and "embedded"',
        which:sub(1, 60))
    end
    return require("sslconnect.loop." .. which)
  end
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
  return true
end

--- The adapter to wait with now.
---@param explicit table|nil  an adapter
---@return table adapter
function loop.choose(explicit)
  return explicit or process_wide or embedded.running() and embedded
    or require "sslconnect.loop.blocking"
end

--- Whether a loop was named, for this call or for the process.
---@param explicit table|nil  an adapter
---@return boolean
function loop.is_set(explicit)
  return explicit ~= nil or process_wide ~= nil
end

--- Tells the loop that a descriptor is about to be closed. The embedded one always: who closes
-- may be outside of its tasks, while one of them waits.
---@param explicit table|nil  an adapter
---@param fd integer|nil
function loop.forget(explicit, fd)
  if not fd then return end
  local adapter = loop.choose(explicit)
  if adapter.forget then adapter.forget(fd) end
  embedded.forget(fd)
end

return loop

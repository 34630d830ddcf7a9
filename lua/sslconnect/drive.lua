--- The loop round a step: repeats it until it is done, waiting in between.
--
-- Yielding is Lua's here: the step is in C and never yields, so that one path of code serves
-- every version of Lua.
local core = require "sslconnect.core"
local loop = require "sslconnect.loop"

local drive = {}

local events_of = {want_read = "r", want_write = "w"}

--- The deadline `seconds` from now, a point of core.now(); nil for none.
function drive.deadline(seconds)
  if seconds == nil or seconds == math.huge then return nil end
  return core.now() + seconds
end

local function failure(code, phase, message, where)
  return nil, core.error(code, phase, message, {host = where.host, address = where.address})
end

local timeout_message = {
  dns = "the deadline passed while the name was being resolved",
  connect = "the deadline passed while connecting",
  handshake = "the deadline passed in the TLS handshake",
  read = "the deadline passed while waiting for data",
  write = "the deadline passed while writing",
  shutdown = "the deadline passed while closing",
}

--- Waits once, for what `object` wants after a step that was not done.
---@param object table     a core object: a connection or a dial
---@param want string      the status of the step
---@param where table      loop, host, address: for the wait and for errors
---@param deadline number|nil
---@param phase string
---@return true|nil ok
---@return table|nil err   timeout, canceled
function drive.wait(object, want, where, deadline, phase)
  local seconds
  if deadline then
    seconds = deadline - core.now()
    if seconds <= 0 then return failure("timeout", phase, timeout_message[phase], where) end
  end
  local fd, events = object:fd(), events_of[want] or object.events and object:events()
  if not fd or not events then
    return failure("misuse", phase, "the step wants what cannot be waited for: " .. want, where)
  end
  local ok, reason = loop.choose(where.loop).wait(fd, events, seconds)
  if not ok then return failure("canceled", phase, tostring(reason), where) end
  return true
end

--- Repeats `object:method(...)` until it is done or has failed, or the deadline has passed.
---@return any done
---@return table|nil err
function drive.run(object, method, where, deadline, phase, ...)
  while true do
    local done, detail = object[method](object, ...)
    if done ~= false then return done, detail end
    local ok, err = drive.wait(object, detail, where, deadline, phase)
    if not ok then return nil, err end
    if where.closed then
      return failure("canceled", phase, "the connection was closed while this waited", where)
    end
  end
end

return drive

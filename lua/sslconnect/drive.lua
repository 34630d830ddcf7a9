--- The loop round a step: repeats it until it is done, waiting in between.
--
-- Yielding is Lua's here: the step is in C and never yields, so that one path of code serves
-- every version of Lua.
local core = require "sslconnect.core"
local held = require "sslconnect.held"
local loop = require "sslconnect.loop"
local yieldable = require "sslconnect.loop.yieldable"

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

--- The results of an operation that its deadline has ended.
function drive.late(where, phase)
  return failure("timeout", phase, timeout_message[phase], where)
end

--- Calls `f`, and `tidy` with what it gave, or with nothing where it threw; then what it threw goes
-- on. A wait can throw: Ctrl-C, an adapter, a scheduler that has errors thrown in its coroutines.
---@param tidy function  gives back what the caller gets
function drive.guarded(tidy, f, ...)
  local function done(ok, ...)
    if ok then return tidy(...) end
    tidy()
    error((...), 0)
  end
  return done(yieldable.pcall(f, ...))
end

--- Waits in the loop. Where that throws the loop may be left with the descriptor in its set.
local function wait_in_loop(where, fd, events, seconds, owner)
  local wait = loop.choose(where.loop).wait
  local came_back, ok, reason = yieldable.pcall(wait, fd, events, seconds, owner)
  if came_back then return ok, reason end
  loop.forget(where.loop, fd)
  error(ok, 0)
end

--- What a transport said, as the results of an operation.
local function moved(where, phase, ok, code, message)
  if ok then return true end
  return failure(code, phase, message or timeout_message[phase], where)
end

--- Sends what a step has left to be sent, where the bytes do not go to a socket by themselves.
---@return true|nil ok
---@return table|nil err
function drive.flush(where, deadline, phase)
  local transport = where.transport
  if not transport then return true end
  return moved(where, phase, transport:flush(deadline))
end

--- Waits once, for what a connection wants after a step that was not done.
---@param object table     the core's connection
---@param want string      the status of the step
---@param where table      loop, transport, host, address: for the wait and for errors; answer, a
--- function that is asked first: what a step wants may be a hook, which is called instead
---@param deadline number|nil
---@param phase string
---@return true|nil ok
---@return table|nil err   timeout, canceled
function drive.wait(object, want, where, deadline, phase)
  held.release()
  if where.answer then
    local ok, err = where.answer(object, want, where, deadline)
    if ok ~= false then return ok, err end
  end
  if where.transport then
    return moved(where, phase, where.transport:wait(want, deadline, phase == "read"))
  end
  local fd, events = object:fd(), events_of[want]
  if not fd or not events then
    return failure("misuse", phase, "the step wants what cannot be waited for: " .. want, where)
  end
  return drive.wait_fd(fd, events, where, deadline, phase, object)
end

--- Waits once in the loop, for a descriptor.
---@param fd integer
---@param events "r"|"w"|"rw"
---@param owner table|nil  what has the descriptor for as long as it lives
---@return true|nil ok
---@return table|nil err   timeout, canceled
function drive.wait_fd(fd, events, where, deadline, phase, owner)
  local seconds
  if deadline then
    seconds = deadline - core.now()
    if seconds <= 0 then return drive.late(where, phase) end
  end
  local ok, reason = wait_in_loop(where, fd, events, seconds, owner)
  if where.closed then
    return failure("canceled", phase, "the connection was closed while this waited", where)
  end
  if not ok then return failure("canceled", phase, tostring(reason), where) end
  return true
end

--- What a step came to that is done or has failed, when it is on its way. Data that was read is
-- not held back by what is still to be sent: that goes before the next wait.
local function finish(where, deadline, phase, done, detail)
  local transport = where.transport
  if not transport then return done, detail end
  if done == nil then
    transport:flush_now()
  elseif phase ~= "read" then
    local ok, err = drive.flush(where, deadline, phase)
    if not ok then return nil, err, done end
  end
  return done, detail
end

--- Repeats `object:method(...)` until it is done or has failed, or the deadline has passed.
---@return any done
---@return table|nil err
---@return any unsent  what the step gave where it was done and could not be sent
function drive.run(object, method, where, deadline, phase, ...)
  while true do
    local done, detail = object[method](object, ...)
    if done ~= false then return finish(where, deadline, phase, done, detail) end
    local ok, err = drive.wait(object, detail, where, deadline, phase)
    if not ok then return nil, err end
  end
end

return drive

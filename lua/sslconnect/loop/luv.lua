--- luv (libuv): a uv_poll_t for each descriptor, a uv_timer_t for each wait with a limit.
--
-- libuv allows one poll handle for a descriptor, so a reader and a writer share it. It lives only
-- while somebody waits: then the descriptor can be closed at any time, and handed to libuv in
-- another way. Outside of a coroutine it blocks. Whether uv.run will ever come cannot be asked,
-- so luv is never chosen by itself.
local blocking = require "sslconnect.loop.blocking"
local uv = require "luv"
local yieldable = require "sslconnect.loop.yieldable"

-- Loud: where an event is an error, luv prints it, and it does not know which (EBADF, it says).
local adapter = {name = "luv", level = true, loud = true}

-- The most that a timer is set to, in seconds: who waits longer is woken in between.
local LONGEST = 1e6

-- fd -> {handle, and who waits: r, w}. One who waits for both stands in both places.
local polls = {}

local function has(events, event)
  return events:find(event, 1, true) ~= nil
end

--- Whether this waiter still waits: its coroutine may have been closed.
local function is_waiting(waiter)
  return waiter ~= nil and coroutine.status(waiter.co) ~= "dead"
end

local function leave(waiter)
  waiter.left = true
  if waiter.timer then waiter.timer:close() end
end

--- Resumes it, if it still waits; an error of the coroutine's is given back.
local function resume(waiter)
  if waiter.left then return nil end
  if not is_waiting(waiter) then return leave(waiter) end
  local ok, err = coroutine.resume(waiter.co)
  if not ok then return {err} end
end

--- Resumes both, and only then raises what went wrong in them: luv reports it.
local function resume_all(first, second)
  local failed = first and resume(first)
  local failed_too = second and second ~= first and resume(second)
  failed = failed or failed_too
  if failed then error(failed[1], 0) end
end

local function arm(waiter, seconds)
  waiter.timer = waiter.timer or uv.new_timer()
  local milliseconds = math.ceil(math.min(seconds, LONGEST) * 1000)
  waiter.timer:start(milliseconds, 0, function() resume_all(waiter) end)
end

--- Lets the handle wait for what is wanted now; drops it where nothing is.
local function update(fd, poll)
  local r, w = is_waiting(poll.r), is_waiting(poll.w)
  if not r and not w then
    if polls[fd] == poll then polls[fd] = nil end
    if not poll.handle:is_closing() then poll.handle:close() end
    return true
  end
  return poll.handle:start((r and "r" or "") .. (w and "w" or ""), function(err, ready)
    local all = err ~= nil -- which the step will find out itself
    resume_all((all or has(ready, "r")) and poll.r, (all or has(ready, "w")) and poll.w)
  end)
end

--- The entry of the descriptor. One whose waiters were all closed is not trusted: the descriptor
-- may have been closed with them, and be another by now.
local function entry(fd)
  local poll = polls[fd]
  if poll and (is_waiting(poll.r) or is_waiting(poll.w)) then return poll end
  if poll then adapter.forget(fd) end
  local handle, why = uv.new_poll(fd)
  if not handle then return nil, why end
  polls[fd] = {handle = handle}
  return polls[fd]
end

local function enlist(fd, waiter, events)
  local poll, why = entry(fd)
  if not poll then return nil, why end
  for event in events:gmatch(".") do poll[event] = waiter end
  local ok
  ok, why = update(fd, poll)
  if not ok then
    adapter.forget(fd)
    return nil, why
  end
  return poll
end

local function dismiss(fd, poll, waiter)
  leave(waiter)
  if poll.r == waiter then poll.r = nil end
  if poll.w == waiter then poll.w = nil end
  if polls[fd] == poll then update(fd, poll) end
end

function adapter.wait(fd, events, seconds)
  local co = yieldable.coroutine()
  if not co then return blocking.wait(fd, events, seconds) end
  local waiter = {co = co}
  local poll, why = enlist(fd, waiter, events)
  if not poll then return nil, "luv cannot wait for the descriptor: " .. tostring(why) end
  if seconds then arm(waiter, seconds) end
  coroutine.yield()
  dismiss(fd, poll, waiter)
  return true
end

--- Drops the handle; who waits goes on in the next turn of the loop, not inside of this call.
function adapter.forget(fd)
  local poll = polls[fd]
  if not poll then return end
  polls[fd] = nil
  poll.handle:close()
  if is_waiting(poll.r) then arm(poll.r, 0) end
  if is_waiting(poll.w) then arm(poll.w, 0) end
end

return adapter

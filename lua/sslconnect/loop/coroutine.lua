--- Plain coroutines: yields what it waits for to whoever resumes it.
--
--   local fd, events, seconds = coroutine.resume(...)
--
-- The scheduler resumes the coroutine when `fd` is ready for `events` ("r", "w" or "rw"), or when
-- `seconds` have gone by (nil: no limit). Resumed with nil and a reason it gives the operation
-- up. Outside of a coroutine there is nobody to yield to, so it blocks.
local blocking = require "sslconnect.loop.blocking"
local yieldable = require "sslconnect.loop.yieldable"

local adapter = {name = "coroutine"}

function adapter.wait(fd, events, seconds)
  if not yieldable.coroutine() then return blocking.wait(fd, events, seconds) end
  local _, reason = coroutine.yield(fd, events, seconds)
  if reason ~= nil then return nil, reason end
  return true
end

return adapter

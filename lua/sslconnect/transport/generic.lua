--- Any object with methods `read(max)` and `write(data)`.
--
--   read       waits until there is something and gives 1 to `max` bytes (more does no harm);
--              nil, or "", at the end; nil and a text where it failed
--   write      gives true (or any object) when all is written, or the number of bytes that were;
--              nil and a text where it failed
--   try_write  optional: the same as write, for the few bytes that end a connection, without
--              waiting. Where it is absent write is called for them, and given up if it yields
--   settimeout optional: takes the seconds that the next call may need, nil for any number; the
--              call then fails with "timeout". Without it the time is looked at between calls
--   close      optional
--
-- Sockets that can be waited for themselves are not taken for one: their descriptor is better. Nor
-- are files of Lua's, which read until they have all that they were asked for.
local method = require "sslconnect.method"

local Generic = {}
Generic.__index = Generic

function Generic.new(stream)
  if not (method(stream, "read") and method(stream, "write")) then return nil end
  if method(stream, "getfd") or method(stream, "pollfd") or io.type(stream) then return nil end
  return setmetatable({
    stream = stream, limits = method(stream, "settimeout") ~= nil,
    try = method(stream, "try_write") and "try_write" or "write",
  }, Generic)
end

function Generic:read(max, seconds)
  if self.limits then self.stream:settimeout(seconds) end
  return self.stream:read(max)
end

function Generic:write(data, seconds)
  while data ~= "" do
    if self.limits then self.stream:settimeout(seconds) end
    local done, err = self.stream:write(data)
    if not done then return nil, err or "it could not be written" end
    data = type(done) == "number" and data:sub(done + 1) or ""
  end
  return true
end

--- In a coroutine that is thrown away: a write that would wait in a scheduler, or that throws,
-- ends there.
function Generic:try_write(data)
  local stream = self.stream
  coroutine.resume(coroutine.create(function()
    if self.limits then stream:settimeout(0) end
    stream[self.try](stream, data)
  end))
end

function Generic:close(take)
  if take and method(self.stream, "close") then self.stream:close() end
end

return Generic

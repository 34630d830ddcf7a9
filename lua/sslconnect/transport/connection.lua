--- Another connection: TLS in TLS, as through a proxy that is itself reached by TLS.
--
-- It waits as that connection does, in its loop.
local stream = require "sslconnect.stream"

local Below = {}
Below.__index = Below

function Below.new(conn)
  if getmetatable(conn) ~= stream.Connection then return nil end
  return setmetatable({conn = conn}, Below)
end

function Below:read(max, seconds)
  self.conn:settimeout(seconds)
  return self.conn:read_some(max)
end

function Below:write(data, seconds)
  self.conn:settimeout(seconds)
  return self.conn:write(data)
end

function Below:try_write(data)
  local conn = self.conn
  if conn.closed or conn.broken then return end
  conn.conn:write(data)
  if conn.transport then conn.transport:flush_now() end
end

function Below:close(take)
  if take then self.conn:close() end
end

return Below

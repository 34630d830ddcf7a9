--- The connections whose last flight of the handshake may still be held.
--
-- A flight is held to leave in one segment with what is written first, and nobody may wait for
-- long meanwhile. A connection's own reads see to that in the core. Here it is seen to for all of
-- them, whenever anything of this module is about to wait: a program that goes on with something
-- else has no more use for the holding. Those over a stream are left out: to send might wait.
local held = {some = false} -- whether there may be any

local flights = setmetatable({}, {__mode = "k"}) -- connections of the core

--- Notes a connection whose handshake is done.
---@param conn sslconnect.core.conn
function held.add(conn)
  flights[conn], held.some = true, true
end

--- Sends what the connection holds, as far as that goes without waiting.
---@param conn sslconnect.core.conn
---@return boolean  whether nothing is held any more; a failure is for the next operation to tell
function held.let_go(conn)
  if flights[conn] and conn:flush() ~= false then flights[conn] = nil end
  return not flights[conn]
end

--- Notes that a connection has written: what it held has gone with that.
---@param conn sslconnect.core.conn
function held.wrote(conn)
  if flights[conn] and held.let_go(conn) then held.some = next(flights) ~= nil end
end

--- Sends what all of them hold, as far as that goes.
function held.release()
  if not held.some then return end
  for conn in pairs(flights) do held.let_go(conn) end
  held.some = next(flights) ~= nil
end

return held

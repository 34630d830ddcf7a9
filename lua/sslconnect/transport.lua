--- TLS over anything that can be read and written: what moves the bytes between a stream and
-- libssl, which sits behind a BIO pair (BIO_s_bio(3)) and does not know.
--
-- The kinds of streams are in transport/*.lua, an adapter each:
--
--   read       function(self, max, seconds) -> data | nil (the end) | nil, error
--              Waits until there is something. "closed" as the error is the end as well.
--   write      function(self, data, seconds) -> true | nil, error
--   try_write  function(self, data): as much as goes without waiting; when a connection closes
--   close      function(self, take): lets go of the stream; with `take` closes it
--   pause      function(self), optional: lets others run for a moment
--
-- An error is a text, "timeout" where the time was over, or an error object.
--
-- One coroutine may read while another writes. What libssl wants sent is sent by one of them at a
-- time, so that the order of the bytes holds, and before anybody waits to read.
local core = require "sslconnect.core"
local yieldable = require "sslconnect.loop.yieldable"

local Transport = {}
Transport.__index = Transport

-- Read from the stream at once: what a record of TLS needs.
local CHUNK = 16384 + 1024

-- Room for what libssl writes: a record, and some alerts and key updates of a reader beside it.
local OUTGOING = 20 * 1024

local CLOSED = "the connection was closed while this waited"

-- In the order in which they are tried; the last takes whatever has read and write.
local kinds = {"connection", "cosocket", "luv", "generic"}

--- The adapter of a stream; nil for what is none.
---@param stream any
---@return table|nil adapter
local function find(stream)
  local type_of = type(stream)
  if type_of ~= "table" and type_of ~= "userdata" then return nil end
  for _, kind in ipairs(kinds) do
    local adapter = require("sslconnect.transport." .. kind).new(stream)
    if adapter then return adapter end
  end
end

--- What moves bytes between an adapter's stream and the BIO that is returned with it.
---@param adapter table
---@param take boolean  whether the stream is closed with the connection
---@return table|nil transport
---@return table bio  or the error
local function new(adapter, take)
  local inner, outer = core.bio_pair(OUTGOING)
  if not inner then return nil, outer end
  return setmetatable({
    adapter = adapter, take = take, outer = outer, closed = false,
    held = nil, -- of what was read, what the pair has had no room for
    reader = nil, sender = nil, -- the coroutines that are in the stream
    lost = nil, -- why nothing can be sent any more
  }, Transport), inner
end

-- ------------------------------------------------------------------------------- coroutines

-- Whether another coroutine is in the stream.
local is_busy = yieldable.is_another

local function remaining(deadline)
  return deadline and deadline - core.now()
end

-- ----------------------------------------------------------------------------------- errors

-- Words by which streams tell of an end that came too early.
local resets = {"reset", "broken pipe", "ECONNRESET", "EPIPE"}

--- The code and message of what a stream said was wrong.
local function explain(err)
  local code = type(err) == "table" and err.code or err
  if code == "timeout" then return "timeout" end
  if type(err) == "table" and core.codes[code] then
    return code, "the connection below: " .. tostring(err.message)
  end
  local text = tostring(err)
  if text == "canceled" then return "canceled", CLOSED end
  for _, word in ipairs(resets) do
    if text:find(word, 1, true) then return "connection_reset", "the stream: " .. text end
  end
  return "system_error", "the stream: " .. text
end

local function no_turn(what)
  return nil, "busy", "another coroutine is " .. what .. " on the stream below"
end

-- ---------------------------------------------------------------------------------- sending

--- Notes that what was taken to be sent may not have been; no more can follow it.
local function lose(self, code, message)
  self.lost = {code, message}
  return nil, code, message
end

local function send_all(self, deadline)
  while not self.closed and self.outer:pending() > 0 do
    local seconds = remaining(deadline)
    if seconds and seconds <= 0 then return nil, "timeout" end
    local ok, err = self.adapter:write(self.outer:read(CHUNK), seconds)
    if not ok then return lose(self, explain(err)) end
  end
  return true
end

--- Sends what libssl has written. Where another coroutine is at it, it is left to that one.
---@return true|nil ok
---@return string|nil code
---@return string|nil message  nil: the usual one for a timeout
function Transport:flush(deadline)
  if self.closed then return nil, "canceled", CLOSED end
  if self.lost then return nil, self.lost[1], self.lost[2] end
  if self.outer:pending() == 0 or is_busy(self.sender) then return true end
  if self.sender then
    return lose(self, "canceled", "a coroutine ended while it was sending")
  end
  self.sender = yieldable.current()
  local ok, code, message = send_all(self, deadline)
  self.sender = nil
  return ok, code, message
end

--- Sends what goes without waiting: alerts and the like, at the end.
function Transport:flush_now()
  if self.closed or self.lost or self.sender then return end
  while self.outer:pending() > 0 do
    self.adapter:try_write(self.outer:read(CHUNK))
  end
end

-- -------------------------------------------------------------------------------- receiving

--- Gives libssl what was read from the stream, as much as there is room for.
local function feed(self, data)
  local count, err = self.outer:write(data)
  if count == nil then return nil, explain(err) end
  count = count or 0
  self.held = count < #data and data:sub(count + 1) or nil
  return true
end

--- Reads from the stream, once.
local function receive(self, deadline)
  if self.held then return feed(self, self.held) end
  local seconds = remaining(deadline)
  if seconds and seconds <= 0 then return nil, "timeout" end
  self.reader = yieldable.current()
  local data, err = self.adapter:read(CHUNK, seconds)
  self.reader = nil
  if self.closed then return nil, "canceled", CLOSED end
  if data and data ~= "" then return feed(self, data) end
  if not data and err ~= nil and err ~= "closed" then return nil, explain(err) end
  self.outer:shutdown_wr() -- libssl knows whether the end comes too early
  return true
end

--- Lets the coroutine go on that has the turn, where that can be.
local function give_way(self, deadline, what)
  local seconds = remaining(deadline)
  if seconds and seconds <= 0 then return nil, "timeout" end
  if not self.adapter.pause then return no_turn(what) end
  self.adapter:pause()
  return true
end

--- Does what has to be done before libssl is asked again.
---@param want string        "want_read" or "want_write"
---@param deadline number|nil
---@param reading boolean    whether data is read: that goes on where nothing can be sent any more
---@return true|nil ok
---@return string|nil code
---@return string|nil message
function Transport:wait(want, deadline, reading)
  local ok, code, message = self:flush(deadline)
  if self.closed then return nil, "canceled", CLOSED end
  if want == "want_write" then
    if ok and is_busy(self.sender) then return give_way(self, deadline, "sending") end
    return ok, code, message
  end
  -- A peer that has reset the stream may have said why before.
  local goes_on = self.lost and (reading or code == "connection_reset")
  if not ok and not goes_on then return nil, code, message end
  if is_busy(self.reader) then return give_way(self, deadline, "reading") end
  return receive(self, deadline)
end

--- Whether something that was read waits to be given to libssl.
function Transport:has_pending()
  if self.closed then return false end
  return self.held ~= nil or self.outer:wpending() > 0
end

--- Ends it; the connection has written its close_notify. Never waits.
function Transport:close()
  if self.closed then return end
  self:flush_now()
  self.closed = true
  self.outer:close()
  self.adapter:close(self.take)
end

return {find = find, new = new}

--- A connection for a person at a prompt: the core's, with all its methods, that can be stepped
--- with a report of what each step did.
local core = require "sslconnect.core"
local guard = require "sslconnect.guard"
local report = require "sslconnect.repl.report"

---@class sslconnect.repl.Connection: sslconnect.core.conn
---@field core sslconnect.core.conn what all other methods are forwarded to
---@field other sslconnect.repl.Connection|nil the one at the other end, where repl.pair made it
local Connection = {}
Connection.__name = "sslconnect.repl.Connection"

-- Of which contexts a session is: it can be offered by no other.
local contexts_of = setmetatable({}, {__mode = "k"})

--- "client" or "server"; "connection" while that is not set.
---@return string
function Connection:role()
  local is_server = self.core:is_server()
  if is_server ~= nil then self.was = is_server and "server" or "client" end
  return self.was or "connection" -- a closed one does not know it any more
end

--- What the other end is.
---@return string
function Connection:peer_role()
  return self:role() == "server" and "client" or "server"
end

--- Whether it has failed for good: later steps fail alike.
---@return boolean
function Connection:has_failed()
  return self.failed == true
end

-- The steps that take what is given with them, and what they are given where it is nothing.
local defaults = {read = 16384, peek = 16384, key_update = false}

local function step_names()
  local names = {}
  for name in pairs(report.calls) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

local function is_final(err)
  return err.class ~= "state" and err.class ~= "arg" and err.class ~= "timeout"
end

local function pack(...) return select("#", ...), {...} end

--- Takes one step, and tells what it did: step(), step("read"), step("write", "hello"),
--- step("shutdown"). Nothing is repeated and nothing waited for.
---@param method? string a step of the core's; nil: connect or accept
---@return sslconnect.repl.Report report prints as words; its fields are there too
function Connection:step(method, ...)
  local conn = self.core
  method = method or (conn:is_server() and "accept" or "connect")
  if not report.calls[method] then
    error(("there is no step called %s; there are: %s"):format(tostring(method), step_names()), 2)
  end
  local count, given = pack(...)
  if count == 0 and defaults[method] ~= nil then count, given[1] = 1, defaults[method] end
  if type(conn[method]) ~= "function" then error("the core has no " .. method, 2) end
  local before = {failed = self.failed, connected = conn:is_connected()}
  conn:set_trace(true)
  conn:trace() -- what went by in calls that were no steps
  local result, why = conn[method](conn, (table.unpack or unpack)(given, 1, count))
  if result == nil and why and is_final(why) then self.failed = true end
  return report.new(self, method, before, result, why)
end

-- The reports of a run, which print one below the other.
local Reports = {}

function Reports:__tostring()
  local texts = {}
  for i, one in ipairs(self) do texts[i] = tostring(one) end
  return table.concat(texts, "\n")
end

-- More than any handshake takes, a byte at a time even.
local MOST_ROUNDS = 20000

--- Whether to go on after a report.
local function goes_on(object, one)
  if one.result ~= false then return false end
  if object.other then return one.why == "want_read" or one.why == "want_write" end
  return (one.why == "want_read" or one.why == "want_write") and object:wait(10) == true
end

--- Steps until the handshake is done or has failed: this one and the other end in turn, or waiting
--- for the socket, 10 seconds at most. Tells of every step.
---@return sslconnect.repl.Report[] reports
function Connection:run()
  local reports, running = setmetatable({}, Reports), {}
  local sides = {self, self.other}
  for round = 1, MOST_ROUNDS do
    for _, side in ipairs(sides) do
      if round == 1 or running[side] then
        local one = side:step()
        reports[#reports + 1] = one
        running[side] = goes_on(side, one)
      end
    end
    if not running[sides[1]] and not running[sides[2] or sides[1]] then break end
  end
  return reports
end

--- Waits for the socket, for what the last step wants.
---@param seconds? number how long at most; nil: for ever
---@return boolean|nil ready false: the time is over
---@return table|nil err misuse, where there is no descriptor: step the other end
function Connection:wait(seconds)
  local conn = self.core
  local fd = conn:fd()
  if not fd then
    return nil, core.error("misuse", nil, "the BIO has no descriptor to wait for", {
      hint = "step the other end"})
  end
  local ready, err = core.wait(fd, conn:last_status() == "want_write" and "w" or "r", seconds)
  if ready == nil then return nil, err end
  return ready ~= false
end

--- The session, to be resumed by repl.pair{session = ...} or repl.connect; nil where there is none
--- yet. With TLS 1.3 it comes with what the server sends after the handshake: read first.
---@return userdata|nil
function Connection:session()
  local session, err = self.core:session()
  if session then contexts_of[session] = self.contexts end
  return session, err
end

-- How it prints ----------------------------------------------------------------------------------

local function negotiated(conn)
  local words = {"connected", conn:version(), conn:cipher()}
  local function add(word) words[#words + 1] = word end
  if conn:is_verified() then add("verified") end
  if conn:session_reused() then add("resumed") end
  if conn:alpn() then add(conn:alpn()) end
  local seen = conn:get_shutdown()
  if seen.sent then add("close_notify sent") end
  if seen.received then add("close_notify received") end
  return table.concat(words, ", ")
end

local function state(self)
  local conn = self.core
  local err = conn:error()
  if not conn:last_status() then return "closed" end
  if self.failed then return "failed" .. (err and ": " .. err.code or "") end
  if conn:is_connected() then return negotiated(conn) end
  local where = conn:state_string()
  if where == "before SSL initialization" then return "before the handshake" end
  return "handshaking (" .. where .. ")"
end

local function transport(conn)
  local bio, fd = conn:rbio(), conn:fd()
  if not bio then return "no BIO" end
  if fd then return "socket, descriptor " .. fd end
  return ("the BIO has %d bytes to read"):format(bio:pending())
end

function Connection:__tostring()
  local conn = self.core
  local name = conn:server_name()
  local whom = name and (conn:is_server() and " asked for " or " to ") .. name or ""
  local text = ("%s%s: %s"):format(self:role(), whom, state(self))
  if not conn:last_status() then return text end
  return text .. "; " .. transport(conn)
end

guard(Connection)

-- Forwarding -------------------------------------------------------------------------------------

local forwarded = {}

local function forward(name)
  forwarded[name] = forwarded[name] or function(self, ...)
    if getmetatable(self) ~= Connection then
      error(("bad self for '%s' (%s expected, got %s)"):format(name, Connection.__name,
        type(self)), 2)
    end
    return self.core[name](self.core, ...)
  end
  return forwarded[name]
end

function Connection.__index(self, key)
  if Connection[key] ~= nil then return Connection[key] end
  local conn = rawget(self, "core")
  if conn ~= nil and type(conn[key]) == "function" then return forward(key) end
  return nil
end

--- A connection of the core's for the prompt.
---@param conn sslconnect.core.conn
---@param contexts table|nil  what its session is resumed with
local function new(conn, contexts)
  local err = conn:error()
  return setmetatable({core = conn, contexts = contexts,
    failed = err ~= nil and is_final(err) or nil}, Connection)
end

return {new = new, Connection = Connection, contexts_of = contexts_of}

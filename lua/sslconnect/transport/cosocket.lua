--- nginx's sockets, ngx.socket.tcp: OpenResty and the Lua module of plain nginx.
--
-- nginx's own loop waits in their methods. One light thread may read while another writes; a
-- socket that is being read cannot be closed, so who reads is then first to come back.
local core = require "sslconnect.core"
local method = require "sslconnect.method"

local Cosocket = {}
Cosocket.__index = Cosocket

-- Milliseconds: the longest time that nginx takes.
local FOREVER = 2147483647

-- Where nginx can suspend what runs.
local yieldable = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_cert = true, ssl_session_fetch = true, ssl_client_hello = true, preread = true,
}

--- nginx's module, where it is there and what runs can be suspended.
local function nginx()
  local ngx = rawget(_G, "ngx")
  local phase = type(ngx) == "table" and ngx.get_phase and ngx.get_phase()
  return phase and yieldable[phase] and ngx.socket and ngx or nil
end

--- Whether sockets of nginx's can be made here.
---@return boolean
function Cosocket.running()
  return nginx() ~= nil
end

function Cosocket.new(sock)
  if not (method(sock, "receiveany") and method(sock, "settimeouts")) then return nil end
  return setmetatable({sock = sock, read_ms = FOREVER, write_ms = FOREVER}, Cosocket)
end

local function milliseconds(seconds)
  return seconds and math.max(1, math.min(math.ceil(seconds * 1000), FOREVER)) or FOREVER
end

--- The times of reading and writing can only be set together.
local function set_times(self)
  self.sock:settimeouts(self.write_ms, self.write_ms, self.read_ms)
end

function Cosocket:read(max, seconds)
  self.read_ms = milliseconds(seconds)
  set_times(self)
  local data, err = self.sock:receiveany(max)
  if self.closing then self.sock:close() end
  return data, err
end

function Cosocket:write(data, seconds)
  self.write_ms = milliseconds(seconds)
  set_times(self)
  return self.sock:send(data)
end

function Cosocket:try_write(data)
  self:write(data, 0)
end

function Cosocket:pause()
  rawget(_G, "ngx").sleep(0.001)
end

function Cosocket:close(take)
  self.closing = take
  if take then self.sock:close() end
end

-- ------------------------------------------------------------------------------- connecting

--- The code and phase of what nginx says of a connect that failed.
local function explain(text)
  if text == "timeout" then return "timeout", "connect" end
  if text:find("refused", 1, true) then return "connection_refused", "connect" end
  if text:find("unreachable", 1, true) or text:find("no route", 1, true) then
    return "unreachable", "connect"
  end
  if text:find("resolve", 1, true) then return "dns_failed", "dns" end
  return "system_error", "connect"
end

local function failure(text, where)
  local code, phase = explain(text)
  local hint = text:find("no resolver", 1, true) and
    "nginx resolves names by its directive `resolver`; or give the addresses" or nil
  local message = code == "timeout" and "the deadline passed while connecting" or "nginx: " .. text
  return nil, core.error(code, phase, message,
    {host = where.host, address = where.address, hint = hint})
end

--- Calls a function that may take so many seconds. A socket's own timeout does not cover nginx's
-- resolver, which has one for all requests, resolver_timeout.
local function within(ngx, seconds, f)
  local work = ngx.thread.spawn(f)
  local alarm = ngx.thread.spawn(function()
    ngx.sleep(seconds)
    return nil, "timeout"
  end)
  local ok, done, err = ngx.thread.wait(work, alarm)
  ngx.thread.kill(work)
  ngx.thread.kill(alarm)
  if not ok then error(done, 0) end
  return done, err
end

local function try(ngx, address, port, where)
  local seconds = where.deadline and where.deadline - core.now()
  if seconds and seconds <= 0 then return nil, "timeout" end
  local sock = ngx.socket.tcp()
  local ms = milliseconds(seconds)
  sock:settimeouts(ms, ms, ms)
  local is_v6 = address:find(":", 1, true) and address:sub(1, 1) ~= "["
  local target = is_v6 and "[" .. address .. "]" or address
  local function connect() return sock:connect(target, port) end
  local is_name = not is_v6 and address:find("%a")
  local ok, err
  if is_name and seconds then ok, err = within(ngx, seconds, connect) else ok, err = connect() end
  if not ok then return nil, err end
  return sock
end

--- Connects; names are resolved by nginx. The first address that answers is it.
---@param host string           as the core has it
---@param port integer
---@param where table           host, deadline; `address` is set, where it is known
---@param addresses string[]|nil  to be tried in place of the host
---@return table|nil sock
---@return table|nil err
function Cosocket.dial(host, port, where, addresses)
  local ngx, sock, err = nginx(), nil, nil
  for _, address in ipairs(addresses or {host}) do
    if addresses then
      where.address = (address:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(address, port)
    end
    sock, err = try(ngx, address, port, where)
    if sock or err == "timeout" then break end
  end
  if sock then return sock end
  return failure(err or "there is no address", where)
end

return Cosocket

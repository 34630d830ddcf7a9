--- A connection as a stream, in the manner of Lua's io library.
--
-- One coroutine may read while another writes. Whatever fails gives `nil, err`, an error object;
-- nothing here throws but lines(), as io.lines does.
local blocking = require "sslconnect.loop.blocking"
local core = require "sslconnect.core"
local drive = require "sslconnect.drive"
local guard = require "sslconnect.guard"
local held = require "sslconnect.held"
local lazy = require "sslconnect.lazy"
local loop = require "sslconnect.loop"
local options = require "sslconnect.options"
local yieldable = require "sslconnect.loop.yieldable"

local session = lazy "sslconnect.session"

---@class sslconnect.Connection
local Connection = {}
Connection.__index = Connection
Connection.__name = "sslconnect.Connection"

-- Bytes of plaintext asked of libssl at once: a record of TLS.
local RECORD = 16384

local FOREVER = math.huge

local weak_values = {__mode = "v"}

-- Seconds. A read of less may be there to ask for what has come.
local PATIENT = 0.1

local check_self -- of the methods that are called most (guard.lua)

-- Connections that nobody is in a read of, or in a write, whose next one may come to one call of
-- the core's: its connection. Those over a stream, and with a store of sessions, are never here.
local readable = setmetatable({}, {__mode = "kv"})
local writable = setmetatable({}, {__mode = "kv"})

local function set_quick(self, what, conn)
  local those = what == "read" and readable or writable
  those[self] = conn
end

--- Makes a connection of the core's one, its handshake done.
---@param self table  conn and bio, the core's; host, address; loop, an adapter, where one was
--- given; socket, to keep its owner from closing the descriptor; transport, where there is no
--- descriptor: what moves the bytes; sharing, how its sessions come into a store
---@return sslconnect.Connection  the same table
local function new(self)
  self.fd, self.closed = self.conn:fd(), false
  if not self.transport then
    held.add(self.conn)
    writable[self] = self.conn
    readable[self] = not self.sharing and self.conn or nil
  end
  return setmetatable(self, Connection)
end

-- ------------------------------------------------------------------------------- errors

local function failure(self, code, phase, message)
  return nil, core.error(code, phase, message, {host = self.host, address = self.address})
end

local function closed(self, phase)
  return failure(self, "closed", phase, "the connection is closed")
end

--- Marks that this coroutine is in the operation; nil and `busy` where another one is. One that
-- died in it, or that nobody holds any more, does not count.
local function enter(self, what)
  self.busy = self.busy or setmetatable({}, weak_values) -- who reads, who writes
  if yieldable.is_another(self.busy[what]) then
    return failure(self, "busy", what, "another coroutine is in a " .. what ..
      " on this connection")
  end
  self.busy[what] = yieldable.current()
  return true
end

--- What becomes of an operation that has ended.
local function leave(self, what)
  self.busy[what] = nil
  if self.closed or self.transport or what == "read" and self.sharing then return end
  set_quick(self, what, self.conn)
end

--- Leaves, and gives what the operation gave or throws what it threw.
local function left(self, what, ok, ...)
  leave(self, what)
  if ok then return ... end
  error((...), 0)
end

--- Runs the operation as the one that reads, or writes; others get `busy` until it has ended, be
-- it by an error that is thrown through it.
local function enter_for(self, what, operation, ...)
  local ok, err = enter(self, what)
  if not ok then return nil, err end
  set_quick(self, what, nil)
  return left(self, what, yieldable.pcall(operation, ...))
end

--- How the core is to read, for its receive(): until the deadline, where it would be waited for in
-- poll(2) anyway and nothing is held for others (held.lua); true where the loop waits for states,
-- and there is so much time that nobody asks for what is there already.
local function way_to_read(self, seconds, deadline)
  local adapter = loop.choose(self.loop)
  if adapter == blocking then return not held.some and (deadline or FOREVER) or nil end
  return adapter.level and (not seconds or seconds >= PATIENT) or nil
end

-- ------------------------------------------------------------------------------ reading

--- Reads once and keeps what came: true, nil at the end, nil and an error.
local function fill(self, deadline, format)
  local ok, err = drive.run(self.conn, "fill", self, deadline, "read", format)
  if self.sharing and err then
    session.discard(self.sharing, err)
  elseif self.sharing and not self.closed then
    session.keep(self.conn, self.sharing) -- the end may have come in the same step as a session
  end
  return ok, err
end

--- What a final failure still gives; a timeout or a cancel leaves it for the next read.
local function fail_read(self, err)
  if err.class == "timeout" or err.class == "canceled" or err.class == "state" then
    return nil, err
  end
  return nil, err, self.conn:take("a", true) or nil
end

--- A peer that always has something to say must not outrun the deadline.
local function is_late(deadline)
  return deadline and core.now() >= deadline
end

--- Whether what the core's receive() gave is all, and if not what it wants before it goes on.
local function judge(data, detail)
  if data and data ~= true or data == nil and not detail then return true end
  return false, data == false and detail ~= "format" and detail or nil
end

--- Reads until the format has what it asks for. `want` is what a step before wants already.
local function read_format(self, deadline, format, want)
  local conn, done = self.conn
  while want do
    local ok, err = drive.wait(conn, want, self, deadline, "read")
    if not ok then return nil, err end
    local data, detail = conn:receive(format)
    done, want = judge(data, detail)
    if done then return data end
  end
  local data = conn:take(format)
  while not data do
    local ok, err = fill(self, deadline, format)
    if err then return fail_read(self, err) end
    data = conn:take(format, not ok)
    if not ok then return data or nil end
    if not data and is_late(deadline) then return drive.late(self, "read") end
  end
  return data
end

local function is_count(n)
  return type(n) == "number" and n >= 0 and n == math.floor(n) and n < 2 ^ 53
end

local formats = {l = true, L = true, a = true}

local function is_format(format)
  return is_count(format) or
    type(format) == "string" and formats[format:gsub("^%*", "")] ~= nil
end

--- The read that is more than one call: it waits in a loop, or fails.
local function read_slowly(self, format, deadline, want)
  if not is_format(format) then
    return failure(self, "bad_option", "read", 'the format is ' .. tostring(format) ..
      '; expected "l", "L", "a" or a number of bytes')
  end
  if self.closed then return closed(self, "read") end
  return enter_for(self, "read", read_format, self, deadline, format, want)
end

--- Reads, as io.read does.
---
--- "l" a line without its newline, "L" with it, "a" all to the end, a number so many bytes, or
--- what is left of them. nil alone is the clean end of the stream (close_notify); "a" gives ""
--- there. On a failure that is final, what came before it is the third value; after a timeout
--- it stays for the next read.
---@param format? "l"|"L"|"a"|integer  "l" where absent
---@return string|nil data
---@return table|nil err      truncated, timeout, connection_reset, alert, busy, canceled, ...
---@return string|nil partial
function Connection:read(format)
  local conn = readable[self]
  if not conn then check_self(self, "read") end
  local seconds = self.seconds
  local deadline = seconds and drive.deadline(seconds)
  if not conn then return read_slowly(self, format == nil and "l" or format, deadline) end
  local data, detail
  repeat
    data, detail = conn:receive(format, way_to_read(self, seconds, deadline))
  until data ~= true or is_late(deadline)
  local done, want = judge(data, detail)
  if done then return data end
  return read_slowly(self, format == nil and "l" or format, deadline, want)
end

local function read_some(self, max)
  local data = self.conn:take_some(max)
  if data then return data end
  local ok, err = fill(self, drive.deadline(self.seconds), 1)
  if not ok then return nil, err end
  return self.conn:take_some(max)
end

--- Reads what there is, 1 to `max` bytes, waiting only while there is nothing.
---@param max? integer  16384 where absent
---@return string|nil data  nil alone at the clean end
---@return table|nil err    as read
function Connection:read_some(max)
  max = max == nil and RECORD or max
  if not is_count(max) or max < 1 then
    return failure(self, "bad_option", "read", "max is " .. tostring(max) ..
      "; expected a number of bytes, 1 or more")
  end
  if self.closed then return closed(self, "read") end
  return enter_for(self, "read", read_some, self, max)
end

--- An iterator over lines (or what another format gives), to the clean end of the stream. Throws
--- the error object where reading fails, as io.lines does.
---@param format? "l"|"L"|"a"|integer
---@return fun(): string|nil
function Connection:lines(format)
  return function()
    local data, err = self:read(format)
    if err then error(err, 0) end
    return data
  end
end

-- ------------------------------------------------------------------------------ writing

--- The arguments of a write as one string, or nil and an error.
local function join(self, ...)
  local parts = {...}
  for i = 1, select("#", ...) do
    local kind = type(parts[i])
    if kind ~= "string" and kind ~= "number" then
      return failure(self, "bad_option", "write", ("argument %d is a %s; expected a string"):format(
        i, kind))
    end
  end
  return #parts == 1 and tostring(parts[1]) or table.concat(parts)
end

--- Writes from `begun` bytes on, which the write has come to already.
local function write_all(self, data, begun)
  if self.broken and not begun then
    return failure(self, "misuse", "write",
      "a write before this one was not finished, so nothing can be written any more")
  end
  local deadline, done = drive.deadline(self.seconds), begun or 0
  self.broken = #data > 0 -- until all is out: a half-sent record cannot be followed by another
  while done < #data do
    local n, err, unsent = drive.run(self.conn, "write", self, deadline, "write", data, done + 1)
    if not n then
      err.written = done + (unsent or 0) + (self.conn:write_begun() or 0)
      return nil, err
    end
    done = done + n
  end
  self.broken = false
  return self
end

--- Writes all of its arguments, strings and numbers, or fails.
---
--- A failure, a timeout too, ends writing on this connection; `err.written` tells how many bytes
--- of the arguments the peer may have got.
---@param ... string|number
---@return sslconnect.Connection|nil self
---@return table|nil err  timeout, connection_reset, alert, busy, canceled, closed, misuse, ...
function Connection:write(...)
  local conn, sent = writable[self], nil
  if not conn then
    check_self(self, "write")
  elseif not self.broken then
    self.broken = true -- should this end here, by a hook of Lua's that throws
    sent = conn:transmit(...)
    if sent == true or not sent then self.broken = false end
    if sent == true then
      if held.some then held.wrote(conn) end
      return self
    end
  end
  local data, err = join(self, ...)
  if not data then return nil, err end
  if self.closed then return closed(self, "write") end
  return enter_for(self, "write", write_all, self, data, sent)
end

local function flush(self)
  return drive.run(self.conn, "flush", self, drive.deadline(self.seconds), "write")
end

--- Sends what is held. That is the last flight of the handshake, which otherwise leaves with what
--- is written first, and before anybody waits to read. To be called where a connection is to be
--- idle from its beginning.
---@return true|nil ok
---@return table|nil err  timeout, connection_reset, busy, canceled, closed, ...
function Connection:flush()
  if self.closed then return closed(self, "write") end
  return enter_for(self, "write", flush, self)
end

--- What info() tells, without the certificates; noted when first asked for.
local function negotiated(self)
  local conn = self.conn
  self.details = self.details or {
    version = conn:version(), cipher = conn:cipher(), group = conn:group(), alpn = conn:alpn(),
    server_name = conn:server_name(), host = self.host, address = self.address,
    resumed = conn:session_reused(), early_data = conn:early_data(),
    verified = conn:is_verified(), ocsp = conn:ocsp_status(),
    dane_depth = conn:dane_depth(), psk_identity = conn:psk_identity(),
  }
  return self.details
end

-- ------------------------------------------------------------------------------ the end

local function shut_down(self)
  local deadline = drive.deadline(self.seconds)
  while not self.shut do
    local done, want = self.conn:shutdown()
    if done == nil then return nil, want end
    self.shut = want ~= "want_write"
    if self.shut then break end
    local ok, err = drive.wait(self.conn, want, self, deadline, "shutdown")
    if not ok then return nil, err end
  end
  return drive.flush(self, deadline, "shutdown")
end

--- Sends close_notify: nothing is written after it, but reading goes on to the peer's end.
---@return true|nil ok
---@return table|nil err  timeout, closed, ...
function Connection:shutdown()
  if self.closed then return closed(self, "shutdown") end
  return enter_for(self, "write", shut_down, self)
end

--- Closes: sends close_notify if that takes no waiting, and lets go of the socket. Never blocks,
--- never fails; a second call does nothing. Who waits in another coroutine gets `canceled`.
---@return true
function Connection:close()
  if self.closed then return true end
  negotiated(self) -- what it tells stays
  self.closed = true
  readable[self], writable[self] = nil, nil
  loop.forget(self.loop, self.fd)
  self.conn:close()
  self.bio:close()
  if self.transport then self.transport:close() end
  self.socket = nil
  return true
end

Connection.__close = Connection.close

-- ------------------------------------------------------------------------------- asking

--- How long each later read, write and shutdown may take; nil for as long as it takes, which is
--- the default.
---@param seconds number|nil
---@return true|nil ok
---@return table|nil err  bad_option
function Connection:settimeout(seconds)
  if seconds ~= nil and not options.is_seconds(seconds) then
    return failure(self, "bad_option", "config", "the timeout is " .. tostring(seconds) ..
      "; expected a number of seconds, 0 or more, or nil")
  end
  self.seconds = seconds
  return true
end

--- What was negotiated, and with whom. After close it is what it was, but certificates are there
--- only if they were asked for before: to take them apart costs more than all the rest.
---@return table info  version, cipher, group, alpn, server_name, host, address, resumed, verified,
---                    ocsp ("good" or "none"), dane_depth, psk_identity,
---                    certificates (the peer's, its own first; see sslconnect.core's cert)
function Connection:info()
  local conn = self.conn
  local details = negotiated(self)
  if not details.certificates and not self.closed then
    details.certificates = {}
    for i = 1, conn:peer_cert_count() do details.certificates[i] = conn:peer_cert(i) end
  end
  return details
end

local function bad(self, what, value, expected)
  return failure(self, "bad_option", "config",
    ("the %s is %s; expected %s"):format(what, type(value), expected))
end

local function is_text(value)
  return type(value) == "string" and not value:find("\0", 1, true)
end

local function is_length(value, most)
  return type(value) == "number" and value >= 1 and value <= most and value == math.floor(value)
end

--- A secret of `length` bytes that only the two ends of this connection can have, the same for the
--- same label and context: RFC 5705.
---@param label string     "EXPORTER-..."; 1 to 249 bytes
---@param length integer   1 to 8160
---@param context? string  with TLS 1.2 none is another than an empty one
---@return string|nil bytes
---@return table|nil err   bad_option, closed
function Connection:export(label, length, context)
  if self.closed then return closed(self, "config") end
  if not is_text(label) then return bad(self, "label", label, "a string without zero bytes") end
  if not is_length(length, 8160) then
    return bad(self, "length", length, "a whole number from 1 to 8160")
  end
  if context ~= nil and type(context) ~= "string" then
    return bad(self, "context", context, "a string, or nil")
  end
  return self.conn:export_keying_material(label, length, context)
end

--- What a login is bound to: the bytes of RFC 9266 ("tls-exporter") or of RFC 5929
--- ("tls-server-end-point").
---@param kind "tls-exporter"|"tls-server-end-point"
---@return string|nil bytes
---@return table|nil err  bad_option where this connection has no such binding, closed
function Connection:channel_binding(kind)
  if self.closed then return closed(self, "config") end
  if not is_text(kind) then return bad(self, "kind", kind, "a string without zero bytes") end
  return self.conn:channel_binding(kind)
end

--- Whether the connection took up an earlier session, as a client or a server.
---@return boolean
function Connection:session_reused()
  return negotiated(self).resumed
end

--- What became of the option `early_data`: "accepted"; "rejected", or "not_sent" where no session
--- allowed it, and in both cases it was sent after the handshake.
---@return "accepted"|"rejected"|"not_sent"
function Connection:early_data()
  return negotiated(self).early_data
end

--- The session, for the option `session` of another connect in the same context. nil where there is
--- none to be resumed: with TLS 1.3 it comes with the first data, and after close it is gone.
---@return sslconnect.core.session|nil
function Connection:session()
  return not self.closed and self.conn:session() or nil
end

--- The descriptor, for LuaSocket's select and other loops; nil once it is closed. Who asks is about
--- to wait: what is held is sent first, here and in dirty, pollfd and events.
---@return integer|nil
function Connection:getfd()
  held.let_go(self.conn)
  return not self.closed and self.fd or nil
end

--- Whether something can be read without waiting, for LuaSocket's select.
---@return boolean
function Connection:dirty()
  if self.closed then return false end
  held.let_go(self.conn)
  return self.conn:kept() > 0 or self.conn:has_pending() or
    self.transport ~= nil and self.transport:has_pending()
end

--- What cqueues.poll asks an object: its descriptor, the events to wait for, and how long.
Connection.pollfd = Connection.getfd

--- Also "w" where what is held did not go at once: the next call sends the rest.
function Connection:events()
  if self.closed then return nil end
  return held.let_go(self.conn) and "r" or "rw"
end

function Connection:timeout()
  return self:dirty() and 0 or nil
end

function Connection:__tostring()
  local state = "closed"
  if not self.closed then
    local info = negotiated(self)
    state = info.version .. " " .. info.cipher
  end
  local peer = self.host or self.fd and "fd " .. self.fd or "stream"
  return ("sslconnect.Connection: %s (%s)"):format(peer, state)
end

check_self = guard(Connection, {read = true, write = true})

return {new = new, Connection = Connection}

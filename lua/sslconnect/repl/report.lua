--- What one step did, in words: what was called and what came of it, which messages went by, what
--- the connection waits for and what to do about that.

---@class sslconnect.repl.Report
---@field who string "client", "server"; "connection" where that is not set
---@field call string the function of libssl that the step stands for: "SSL_connect"
---@field called boolean whether it was called; not where the step was refused before
---@field returned integer|nil what it returned
---@field ssl_error string|nil what SSL_get_error made of that: "SSL_ERROR_WANT_READ"
---@field result any what the core's method gave: true, a count, data; false; nil
---@field why string|table|nil what it gave behind that: what is wanted, or the error
---@field messages sslconnect.core.message[] what went by
---@field state string|nil where the handshake is, in libssl's words
---@field todo string|nil what to do next
local Report = {}
Report.__index = Report
Report.__name = "sslconnect.repl.Report"

-- The functions behind the steps, as SSL_get_error(3) speaks of them.
local calls = {
  do_handshake = "SSL_do_handshake", connect = "SSL_connect", accept = "SSL_accept",
  read = "SSL_read_ex", peek = "SSL_peek_ex", write = "SSL_write_ex", shutdown = "SSL_shutdown",
  key_update = "SSL_key_update", flush = "BIO_flush",
}

local handshakes = {do_handshake = true, connect = true, accept = true}

-- The numbers that are the same in all kinds of OpenSSL.
local ssl_errors = {[0] = "NONE", "SSL", "WANT_READ", "WANT_WRITE", "WANT_X509_LOOKUP", "SYSCALL",
  "ZERO_RETURN", "WANT_CONNECT", "WANT_ACCEPT"}

local function ssl_error_name(number, want)
  local name = ssl_errors[number] or type(want) == "string" and want:upper() or tostring(number)
  return "SSL_ERROR_" .. name
end

--- Bytes as a person can read them, in quotes and not longer than a line.
local function quote(data)
  local shown = data:sub(1, 60):gsub("[%c\"\\\128-\255]", function(c)
    local short = ({["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"',
      ["\\"] = "\\\\"})[c]
    return short or ("\\%03d"):format(c:byte())
  end)
  return '"' .. shown .. '"' .. (#data > 60 and "..." or "")
end

local function bytes(count) return count == 1 and "1 byte" or ("%d bytes"):format(count) end

-- What to do next --------------------------------------------------------------------------------

--- Where the bytes have to come from or to go to.
local function todo_io(self, writing)
  local object = self.object
  local peer, fd = object.other, object.core:fd()
  local empty = writing and "the BIO is full" or "nothing is in the BIO to read"
  if fd then
    return (writing and "the socket takes no more" or "nothing has come on the socket") ..
      ": wait() for it, then step again"
  elseif peer and peer:has_failed() then
    return ("%s, and the %s has failed: this cannot go on"):format(empty, peer:role())
  elseif peer and (self.method == "read" or self.method == "peek") and not writing then
    return ("%s until the %s writes"):format(empty, peer:role())
  elseif peer then
    return ("%s: step the %s"):format(empty, peer:role())
  end
  return empty .. ": the other end of it is to be " .. (writing and "read" or "written to")
end

local function todo_read(self)
  local bio = self.object.core:rbio()
  local waiting = bio and bio:pending() or 0
  if self.returned == 0 and self.method == "shutdown" then
    return ("ours is sent, the %s's has not come: let it read and answer, then step again"):format(
      self.object:peer_role())
  elseif waiting > 0 then
    return ("the BIO has %s to read: step again"):format(bytes(waiting))
  end
  return todo_io(self, false)
end

local wants = {
  want_read = todo_read,
  want_write = function(self) return todo_io(self, true) end,
  want_connect = function() return "the socket is not connected yet: wait(), then step again" end,
  want_accept = function() return "nobody has come yet: wait(), then step again" end,
  want_retry_verify = function()
    return "the certificate is yours to judge: answer_verify(true) or answer_verify(false, " ..
      "reason), then step again"
  end,
  want_x509_lookup = function()
    return "a certificate is to be chosen: answer_x509_lookup(ctx), or answer_x509_lookup(nil) " ..
      "for none; then step again"
  end,
  want_client_hello_cb = function()
    return "a context is to be chosen: answer_client_hello(ctx), or answer_client_hello(nil) " ..
      "for the connection's own; then step again"
  end,
}

local function todo_connected(self)
  local peer = self.object.other
  if peer and not peer.core:is_connected() and not peer:has_failed() then
    return ("the %s is not done yet: step the %s"):format(peer:role(), peer:role())
  end
  return 'step("write", data), step("read") or step("shutdown")'
end

local function todo_end(self)
  if self.object.core:get_shutdown().sent then return "close()" end
  return 'nothing more will come: step("shutdown") answers with ours'
end

--- After a step that is done.
local function todo_done(self)
  local peer = self.object.other
  if handshakes[self.method] then return todo_connected(self) end
  if self.result == nil then return todo_end(self) end
  if self.method == "shutdown" then return "close()" end
  if self.method == "write" and peer then return ('%s:step("read")'):format(peer:role()) end
  if self.method == "read" and self.object.core:has_pending() then return 'step("read") again' end
  return nil
end

local function find_todo(self)
  if self.result == nil and self.why then return self.why.hint end
  if self.result ~= false then return todo_done(self) end
  local words = wants[self.why]
  return words and words(self) or "step again"
end

-- The words --------------------------------------------------------------------------------------

local function outcome(self)
  if type(self.result) == "string" then
    return (": %s, %s"):format(quote(self.result), bytes(#self.result))
  elseif type(self.result) == "number" then
    return (": %s taken"):format(bytes(self.result))
  end
  return ""
end

local function headline(self)
  if not self.called then
    return ("%s: %s was not called"):format(self.who, self.call)
  end
  local words = ("%s: %s returned %d"):format(self.who, self.call, self.returned)
  if self.result and self.returned > 0 then return words .. outcome(self) end
  return words .. ", SSL_get_error: " .. self.ssl_error
end

local levels = {"a warning", "fatal"}

local function message_line(message)
  local name = message.name
  if message.content_type == "alert" then
    name = ("alert %s (%s)"):format(name, levels[message.level] or message.level)
  end
  return ("  %s %s, %s"):format(message.sent and "sent" or "received", name, bytes(message.length))
end

-- What is waited for, in words.
local waits = {
  want_read = "to read", want_write = "to write", want_connect = "to be connected",
  want_accept = "for somebody to come", want_x509_lookup = "for a certificate to be chosen",
  want_client_hello_cb = "for a context to be chosen",
  want_retry_verify = "for the certificate to be judged",
}

local function is_refusal(why)
  return type(why) == "table" and (why.class == "state" or why.class == "arg")
end

--- What the step waits for, what it failed with, or what there is to say besides.
local function closing(self)
  if self.result == false then
    return ("  waits %s (%s)"):format(waits[self.why] or "for the library", self.why)
  elseif self.result == nil and self.why then
    local how = is_refusal(self.why) and "refused" or self.called and "failed" or "failed before"
    return ("  %s: %s [%s]"):format(how, self.why.message, self.why.code)
  elseif self.result == nil then
    return ("  the %s sent close_notify: the end"):format(self.object:peer_role())
  elseif not self.called then
    return "  the handshake was done before"
  end
  return nil
end

function Report:__tostring()
  local lines = {headline(self)}
  for _, message in ipairs(self.messages) do lines[#lines + 1] = message_line(message) end
  if self.state then lines[#lines + 1] = "  state: " .. self.state end
  lines[#lines + 1] = closing(self)
  if self.todo then lines[#lines + 1] = "  to do: " .. self.todo end
  return table.concat(lines, "\n")
end

--- The report of a step just taken.
---@param object table      the connection of the REPL
---@param method string
---@param before table      failed, connected: how it was before the step
---@param result any        what the core's method gave
---@param why any
local function new(object, method, before, result, why)
  local conn = object.core
  local self = setmetatable({object = object, method = method, who = object:role(),
    call = calls[method], result = result, why = why}, Report)
  self.called = not (before.failed or before.connected and handshakes[method] or is_refusal(why))
  if self.called then
    self.returned = conn:last_return()
    self.ssl_error = ssl_error_name(conn:ssl_error(), why)
  end
  self.messages = conn:trace() or {}
  if not conn:is_connected() then self.state = conn:state_string() end
  self.todo = find_todo(self)
  return self
end

return {new = new, calls = calls}

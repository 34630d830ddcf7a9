--- What a handshake asks a script: its functions are called from the loop round the step, never
-- from inside of OpenSSL, so they may wait, read files, connect elsewhere.
--
--   verify_hook(request)        true, or nil and the reason why not
--   certificate_hook(request)   settings (cert, key, key_password), a context, false for no
--                               certificate, or nil and the reason to end it
--   client_hello_hook(request)  a context, true for the one at hand, or nil and the reason to
--                               end it
--
-- Only what is listed goes on; anything else that they give ends the handshake.
local core = require "sslconnect.core"
local drive = require "sslconnect.drive"

local hooks = {}

--- A list of what the methods `count` and `get` of a connection give.
local function list(conn, count, get)
  local items = {}
  for i = 1, conn[count](conn) do items[i] = conn[get](conn, i) end
  return items
end

--- A reason as an error can show it.
local function text(reason)
  if reason == nil then return nil end
  return (tostring(reason):gsub("%c", " "))
end

--- Answers that are none. An answer of `nil` or `false` is one.
local function no_answer(name, given, expected)
  return nil, core.error("bad_option", "handshake",
    ("%s gave %s (%s); expected %s"):format(name, text(given):sub(1, 60), type(given), expected))
end

-- Each question: the hook's name, what is added to the request, and what is done with the answer.
local questions = {}

questions.want_retry_verify = {
  name = "verify_hook",
  request = function(conn, request)
    request.verify_result = conn:verify_result()
    request.chain = list(conn, "chain_count", "chain")
    request.certificates = list(conn, "peer_cert_count", "peer_cert")
  end,
  answer = function(conn, given, reason)
    if given == true then return conn:answer_verify(true) end
    if given then
      reason = ("verify_hook gave %s (%s), and only true accepts"):format(
        text(given):sub(1, 60), type(given))
    end
    return conn:answer_verify(false, text(reason))
  end,
}

questions.want_x509_lookup = {
  name = "certificate_hook",
  request = function(conn, request)
    request.ca_names = list(conn, "ca_name_count", "ca_name")
  end,
  answer = function(conn, given, reason, where)
    if given == nil then return conn:answer_abort(text(reason)) end
    if given == false then return conn:answer_x509_lookup(nil) end
    local ctx, err = where.hooks.identity(given)
    if ctx then return conn:answer_x509_lookup(ctx) end
    if err then return nil, err end
    return no_answer("certificate_hook", given,
      "cert and key in a table, a context, false or nil")
  end,
}

questions.want_client_hello_cb = {
  name = "client_hello_hook",
  request = function() end,
  answer = function(conn, given, reason, where)
    if not given then return conn:answer_abort(text(reason)) end
    if given == true then return conn:answer_client_hello(nil) end
    local ctx, chosen = where.hooks.chosen(given)
    if not ctx then return no_answer("client_hello_hook", given, "a context, true or nil") end
    local ok, err = conn:answer_client_hello(ctx)
    if ok then where.hooks = chosen end
    return ok, err
  end,
}

--- Calls the hook and answers. Where the hook throws, the connection is given up first.
local function ask(conn, question, where)
  local request = {host = where.host, address = where.address, server_name = conn:server_name()}
  question.request(conn, request)
  local came_back = false
  return drive.guarded(function(...)
    if not came_back then where.give_up() end
    return ...
  end, function()
    local given, reason = where.hooks[question.name](request)
    local ok, err = question.answer(conn, given, reason, where)
    came_back = true
    return ok, err
  end)
end

--- The hooks that hold: those of the context whose connection it is, which the core has chosen
-- where it serves several names.
local function holding(conn, own)
  for _, other in ipairs(own and own.served or {}) do
    if conn:is_of(other.ctx) then return other.hooks end
  end
  return own
end

--- Does what a step of the handshake asks for.
---@param want string      the status of the step
---@param where table      hooks, host, address, transport; give_up, which frees the connection
---@param deadline number|nil  holds over the hook: one that overran it was asked in vain
---@return true|nil|false ok   false: this is no question that has a hook
---@return table|nil err
function hooks.answer(conn, want, where, deadline)
  local question = questions[want]
  if not question then return false end
  where.hooks = holding(conn, where.hooks)
  if not (where.hooks and where.hooks[question.name]) then return false end
  local ok, err = drive.flush(where, deadline, "handshake")
  if ok then ok, err = ask(conn, question, where) end
  if ok and deadline and core.now() >= deadline then return drive.late(where, "handshake") end
  return ok, err
end

return hooks

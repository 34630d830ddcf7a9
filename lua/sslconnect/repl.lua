--- TLS for a person at a prompt: connections that are stepped one call at a time and tell in words
--- what each call did. docs/repl.md is a session with it.
--
--   local repl = require "sslconnect.repl"
--   client, server = repl.pair()
--   client:step()
local connection = require "sslconnect.repl.connection"
local context = require "sslconnect.context"
local core = require "sslconnect.core"
local help = require "sslconnect.repl.help"
local options = require "sslconnect.options"

local repl = {}

--- Calls method after method, each {object, method, value}; those without a value are left out.
local function apply(calls)
  for _, call in ipairs(calls) do
    local object, method, value = call[1], call[2], call[3]
    if value ~= nil then
      local ok, err = object[method](object, value)
      if not ok then return nil, err end
    end
  end
  return true
end

-- A pair -----------------------------------------------------------------------------------------

--- A kind: bytes.
local function size(value)
  if type(value) ~= "number" or value ~= math.floor(value) or value < 1 or value >= 2 ^ 31 then
    return nil, "a whole number of bytes, 1 or more"
  end
  return value
end

local pair_options = {
  server_name = "string", certificate_name = "string", version = options.one_of("1.2", "1.3"),
  alpn = "names", verify_client = options.one_of("none", "optional", "required"),
  client_certificate = "boolean", session = "any", bio_size = size,
}

-- What is the contexts' business, and cannot be changed where they are taken up again.
local of_contexts = {"certificate_name", "version", "alpn", "verify_client", "client_certificate"}

--- Has `ctx` show a certificate for the name, and `other` trust it.
local function identify(ctx, name, other)
  local authority, err = ctx:use_throwaway_certificate(name)
  if not authority then return nil, err end
  return other:load_verify_pem(authority:pem())
end

--- The two contexts of a pair.
local function make_contexts(given)
  local client, server = core.ctx(), core.ctx()
  if not (client and server) then return nil, core.error("out_of_memory", "config") end
  local ok, err = identify(server, given.certificate_name or given.server_name, client)
  local certify = given.client_certificate
  if certify == nil then certify = given.verify_client ~= nil and given.verify_client ~= "none" end
  if ok and certify then ok, err = identify(client, "client.example", server) end
  if not ok then return nil, err end
  ok, err = apply {
    {client, "set_min_version", given.version}, {client, "set_max_version", given.version},
    {client, "set_alpn", given.alpn}, {server, "set_alpn", given.alpn},
    {server, "set_verify_client", given.verify_client},
  }
  return ok and {client = client, server = server, server_name = given.server_name}, err
end

--- The contexts that a session is of, which no others can resume.
local function contexts_again(given)
  local contexts = connection.contexts_of[given.session]
  if not contexts or not contexts.server then
    return options.bad("session is none that a client of repl.pair gave: client:session()")
  end
  for _, name in ipairs(of_contexts) do
    if given[name] ~= nil then
      return options.bad("session and %s exclude each other: a session belongs to its contexts",
        name)
    end
  end
  return contexts
end

--- A client and a server joined by a BIO pair, with throw-away certificates, before the handshake.
---@param given? table  server_name ("localhost": whom the client asks for), certificate_name (whom
---                     the server's certificate is for: the same), version ("1.2", "1.3"), alpn,
---                     verify_client ("optional", "required"), client_certificate (whether the
---                     client has one: where it is asked for), session (of an earlier client),
---                     bio_size (bytes each way)
---@return sslconnect.repl.Connection|nil client
---@return sslconnect.repl.Connection|table server  or the error
function repl.pair(given)
  local checked, err = options.check(given, pair_options)
  if not checked then return nil, err end
  local again = checked.session ~= nil
  local contexts
  if again then
    contexts, err = contexts_again(checked)
  else
    checked.server_name = checked.server_name or "localhost"
    contexts, err = make_contexts(checked)
  end
  if not contexts then return nil, err end
  local near, far = core.bio_pair(checked.bio_size, checked.bio_size)
  if not near then return nil, far end
  local client, server = core.conn(contexts.client), core.conn(contexts.server)
  if not (client and server) then return nil, core.error("out_of_memory") end
  local ok
  ok, err = apply {
    {client, "set_bio", near}, {server, "set_bio", far},
    {client, "set_server_name", checked.server_name or contexts.server_name},
    {client, "set_session", checked.session},
  }
  if not ok then return nil, err end
  client:set_connect_state()
  server:set_accept_state()
  client, server = connection.new(client, contexts), connection.new(server, contexts)
  client.other, server.other = server, client
  return client, server
end

-- A real server ----------------------------------------------------------------------------------

local connect_options = {server_name = "string", timeout = "seconds", session = "any"}

local connect_known = context.setting_kinds()
for name, kind in pairs(connect_options) do connect_known[name] = kind end

local DIAL_TIMEOUT = 10

--- A connected socket's BIO. This waits.
local function dial(host, port, timeout)
  local dialing, err = core.dial()
  if not dialing then return nil, err end
  local ok
  ok, err = dialing:start(host, port)
  if ok then ok, err = dialing:wait(timeout or DIAL_TIMEOUT) end
  if not ok then return nil, err end
  local fd = dialing:take_fd()
  local bio
  bio, err = core.bio_socket(fd, true)
  if not bio then core.close_fd(fd) end
  return bio, err
end

--- A connection to a real server, before the handshake. TCP is connected, which is waited for; the
--- rest is yours to step: conn:step(), conn:wait(), conn:step(), ...
---@param host string
---@param port integer
---@param given? table  server_name (the host), timeout (of name and TCP; 10), session (of an
---                     earlier connection with the same settings), and the settings of ssl.context
---@return sslconnect.repl.Connection|nil conn
---@return table|nil err
function repl.connect(host, port, given)
  local checked, err = options.check(given, connect_known)
  if not checked then return nil, err end
  host, port = options.check_target(host, port)
  if not host then return nil, port end
  local settings = {}
  for name, value in pairs(checked) do
    if not connect_options[name] then settings[name] = value end
  end
  local shared
  shared, err = context.shared(settings)
  if not shared then return nil, err end
  local conn
  conn, err = core.conn(shared.ctx)
  if not conn then return nil, err end
  local ok
  ok, err = apply {
    {conn, "set_server_name", checked.server_name or host}, {conn, "set_session", checked.session},
  }
  if not ok then return nil, err end
  local bio
  bio, err = dial(host, port, checked.timeout)
  if not bio then return nil, err end
  ok, err = conn:set_bio(bio)
  if not ok then return nil, err end
  conn:set_connect_state()
  return connection.new(conn, {client = shared.ctx})
end

--- A connection of sslconnect.core as one that can be stepped with reports.
---@param conn sslconnect.core.conn
---@return sslconnect.repl.Connection
function repl.wrap(conn)
  local meta = getmetatable(conn)
  if meta == connection.Connection then return conn end
  if type(conn) ~= "userdata" or type(meta) ~= "table" or meta.__name ~= "sslconnect.conn" then
    error(("bad argument #1 to 'wrap' (a connection of sslconnect.core expected, got %s)"):format(
      type(conn)), 2)
  end
  return connection.new(conn)
end

--- Prints what an object or a module can do, a line each. Connections, contexts, BIOs, sessions,
--- certificates, errors, reports, modules; repl itself where nothing is given.
---@param ... any  one object
function repl.help(...)
  local x = repl
  if select("#", ...) > 0 then x = ... end
  print(help.text(x) or ("there is no help for a %s: give an object of sslconnect"):format(type(x)))
end

return setmetatable(repl, {__tostring = function()
  return "sslconnect.repl: pair(), connect(host, port), wrap(conn), help(object)"
end})

--- sslconnect: TLS connects that are secure by default and say what went wrong.
--
--   local ssl = require "sslconnect"
--   local conn = assert(ssl.connect("example.com", 443))
--
-- Thin policy on sslconnect.core, which is the C ABI one to one. See docs/api.md.
local context = require "sslconnect.context"
local core = require "sslconnect.core"
local lazy = require "sslconnect.lazy"
local loop = require "sslconnect.loop"
local options = require "sslconnect.options"

local embedded = lazy "sslconnect.loop.embedded"

local ssl = {
  _VERSION = "sslconnect " .. core.version,
  core = core,
  --- A context of your own: the TLS settings that connections share.
  context = context.new,
  --- A certificate of PEM or DER, to be trusted or to look at.
  certificate = core.cert,
  --- Sets the loop that connections wait in: a name or an adapter.
  set_loop = loop.set,
  --- Runs a function in the embedded loop, until it and all that it began are done.
  run = function(...) return embedded.run(...) end,
  --- Begins a function beside this one, in the embedded loop.
  spawn = function(...) return embedded.spawn(...) end,
  --- Runs functions at the same time and waits for all of them.
  all = function(...) return embedded.all(...) end,
  --- Waits for some seconds, in the embedded loop.
  sleep = function(...) return embedded.sleep(...) end,
  --- Runs a function with a limit of time.
  timeout = function(...) return embedded.timeout(...) end,
  --- The OpenSSL that is running.
  openssl_version = core.openssl_version,
}

-- What a connect takes by itself: its own options, and all TLS settings.
local known = context.setting_kinds()
for name, kind in pairs(context.connect_options) do known[name] = kind end

--- Parts the options of the connection from the settings of the context.
local function part(checked)
  local own, settings = {}, {}
  for name, value in pairs(checked) do
    local to = context.connect_options[name] and own or settings
    to[name] = value
  end
  return own, settings
end

local function open(host, port, given)
  local checked, err = options.check(given, known)
  if not checked then return nil, err end
  local own, settings = part(checked)
  local ctx
  ctx, err = context.shared(settings)
  if not ctx then return nil, err end
  return ctx:connect(host, port, own)
end

--- Connects to a host with TLS: verified, or not at all.
---
---   ssl.connect("example.com", 443)
---   ssl.connect("example.com", 443, {timeout = 5, alpn = "h2"})
---   ssl.connect{host = "example.com", port = 443, ca_file = "ca.pem"}
---
--- Blocking in the main program; in a coroutine it waits as the loop says (docs/loops.md). Calls
--- with equal TLS settings share one context.
---@param host string|table  a name or an address; or a table with host, port and the options
---@param port? integer
---@param given? table       timeout (seconds over name, TCP and TLS; 30), server_name, loop, and
---                          the settings of ssl.context
---@return sslconnect.Connection|nil conn
---@return table|nil err     an error object: err.code, err.phase, tostring(err); docs/errors.md
function ssl.connect(host, port, given)
  if type(host) ~= "table" then return open(host, port, given) end
  if port ~= nil then
    return options.bad("connect takes either one table or host, port and options")
  end
  local rest = {}
  for name, value in pairs(host) do
    if name ~= "host" and name ~= "port" then rest[name] = value end
  end
  return open(host.host, host.port, rest)
end

local meta = {}

--- sslconnect.repl is for a person at a prompt, and loaded when it is asked for.
function meta.__index(_, name)
  return name == "repl" and require "sslconnect.repl" or nil
end

function meta.__tostring()
  return ("%s, %s: connect(host, port), context(settings); at a prompt: repl"):format(ssl._VERSION,
    core.openssl_version())
end

return setmetatable(ssl, meta)
